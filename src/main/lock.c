/* SPDX-License-Identifier: MIT */
/*
 * The data folder belongs to one process at a time: the server, or a tool that works while
 * no server runs.  The lock goes with the process, however it ends.
 */
#include "main/server.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
folder_make(const char *folder, struct err *err)
{
	struct stat about;

	if (mkdir(folder, 0700) == 0)
		return true;
	if (errno != EEXIST)
		return err_fail(err, ERR_SYSTEM, "could not make the data folder \"%s\": %s",
				folder, strerror(errno));
	if (stat(folder, &about) != 0 || !S_ISDIR(about.st_mode))
		return err_fail(err, ERR_SYSTEM, "the data folder \"%s\" is not a folder", folder);
	return true;
}

static int64_t
holder_read(int fd)
{
	char text[32] = "";

	if (pread(fd, text, sizeof text - 1, 0) < 0)
		return 0;
	return strtoll(text, NULL, 10);
}

int
lock_take(const char *folder, int64_t *holder, struct err *err)
{
	char *path;
	int fd, why;

	if (holder != NULL)
		*holder = 0;
	if (!folder_make(folder, err))
		return -1;
	path = format_text("%s/lock", folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		err_fail(err, ERR_SYSTEM, "could not open \"%s\": %s", path, strerror(errno));
		free(path);
		return -1;
	}
	free(path);

	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int64_t pid = holder_read(fd);

		why = errno;
		if (holder != NULL)
			*holder = pid;
		if (why == EWOULDBLOCK)
			err_fail(err, ERR_EXISTS,
				 "the data folder \"%s\" is in use by another process (%" PRId64
				 ")",
				 folder, pid);
		else
			err_fail(err, ERR_SYSTEM, "could not lock the data folder \"%s\": %s",
				 folder, strerror(why));
		close(fd);
		return -1;
	}
	if (ftruncate(fd, 0) != 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
		err_fail(err, ERR_SYSTEM, "could not write into the data folder \"%s\": %s", folder,
			 strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

void
lock_give_back(int *lock)
{
	if (*lock < 0)
		return;
	if (ftruncate(*lock, 0) != 0) /* a stale number is harmless */
		log_debug(&log_root, "could not empty the lock: %s", strerror(errno));
	close(*lock);
	*lock = -1;
}

bool
user_become(const char *name, int lock, struct err *err)
{
	struct passwd *user;

	if (name == NULL || name[0] == '\0' || geteuid() != 0)
		return true;
	user = getpwnam(name);
	if (user == NULL)
		return err_fail(err, ERR_ABSENT,
				"user: there is no user \"%s\"; `useradd --system %s` makes one",
				name, name);
	if (fchown(lock, user->pw_uid, user->pw_gid) != 0)
		return err_fail(err, ERR_SYSTEM, "could not give the lock to user \"%s\": %s", name,
				strerror(errno));
	if (initgroups(name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
	    setuid(user->pw_uid) != 0)
		return err_fail(err, ERR_SYSTEM, "could not become user \"%s\": %s", name,
				strerror(errno));
	return true;
}

char *
admin_path(const char *folder, int *folder_fd, struct err *err)
{
	/* A socket's path has 107 bytes at most; a way through the folder's descriptor is
	 * short whatever the folder is called. */
	*folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*folder_fd < 0) {
		err_fail(err, ERR_ABSENT, "could not open the data folder \"%s\": %s", folder,
			 strerror(errno));
		return NULL;
	}
	return format_text("/proc/self/fd/%d/admin.sock", *folder_fd);
}
