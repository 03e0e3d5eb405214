/* SPDX-License-Identifier: MIT */
/* The data folder belongs to one process at a time. */
#include "main/server.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char above[] = "/tmp/stentor-lock-XXXXXX";
static char folder[64];

static void
one_has_it_and_the_other_is_told_who(void **state)
{
	struct err err;
	int64_t holder = -1;
	int lock = lock_take(folder, &holder, &err);

	(void)state;
	assert_true(lock >= 0);
	assert_int_equal(holder, 0);
	assert_int_equal(lock_take(folder, &holder, &err), -1);
	assert_int_equal(holder, getpid());
	assert_int_equal(err.kind, ERR_EXISTS);
	assert_non_null(strstr(err.text, folder));
	lock_give_back(&lock);
	assert_int_equal(lock, -1);
	lock_give_back(&lock);

	lock = lock_take(folder, NULL, &err);
	assert_true(lock >= 0);
	lock_give_back(&lock);
}

static void
it_goes_with_its_process(void **state)
{
	struct err err;
	pid_t child = fork();
	int status, lock;

	(void)state;
	if (child == 0) {
		lock = lock_take(folder, NULL, NULL);
		_exit(lock >= 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	lock = lock_take(folder, NULL, &err);
	assert_true(lock >= 0);
	lock_give_back(&lock);
}

static void
the_folder_is_made_for_the_server_alone(void **state)
{
	struct stat about;
	int lock;

	(void)state;
	rmdir(folder);
	lock = lock_take(folder, NULL, NULL);
	assert_true(lock >= 0);
	assert_int_equal(stat(folder, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0700);
	lock_give_back(&lock);
}

static void
what_is_no_folder_is_refused_by_name(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(lock_take("/dev/null", NULL, &err), -1);
	assert_non_null(strstr(err.text, "\"/dev/null\" is not a folder"));
	assert_int_equal(lock_take("/nonexistent/data", NULL, &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent/data"));
}

static void
the_admin_socket_has_a_short_path_in_a_long_folder(void **state)
{
	char name[300];
	struct err err;
	char *path;
	int fd;

	(void)state;
	snprintf(name, sizeof name, "%s/%0200d", above, 1);
	assert_int_equal(mkdir(name, 0700), 0);
	path = admin_path(name, &fd, &err);
	assert_non_null(path);
	assert_true(strlen(path) < 100);
	assert_int_equal(creat(path, 0600) >= 0, 1);
	free(path);
	close(fd);
	assert_null(admin_path("/nonexistent", &fd, &err));
}

static int
make_folder(void **state)
{
	(void)state;
	if (mkdtemp(above) == NULL)
		return -1;
	snprintf(folder, sizeof folder, "%s/data", above);
	return 0;
}

static int
remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", above);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_folder_is_made_for_the_server_alone),
		cmocka_unit_test(one_has_it_and_the_other_is_told_who),
		cmocka_unit_test(it_goes_with_its_process),
		cmocka_unit_test(what_is_no_folder_is_refused_by_name),
		cmocka_unit_test(the_admin_socket_has_a_short_path_in_a_long_folder),
	};

	return cmocka_run_group_tests_name("main/lock", tests, make_folder, remove_folder);
}
