/* SPDX-License-Identifier: MIT */
/* What the server's processes have used. */
#include "bench/load_proc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX 1024

struct family {
	pid_t pids[PROCESSES_MAX];
	unsigned count;
};

/* From /proc/PID/stat. */
struct ticks {
	pid_t parent;
	unsigned long long user, system, children;
};

static struct family named, found;

static bool
ticks_read(pid_t pid, struct ticks *ticks)
{
	char path[64], line[1024];
	const char *end;
	unsigned long long children_user, children_system;
	FILE *file;
	bool good = false;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	/* The name may hold anything, so what counts begins after its last ')'. */
	if (fgets(line, sizeof line, file) != NULL && (end = strrchr(line, ')')) != NULL &&
	    sscanf(end + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu",
		   &ticks->parent, &ticks->user, &ticks->system, &children_user,
		   &children_system) == 5) {
		ticks->children = children_user + children_system;
		good = true;
	}
	fclose(file);
	return good;
}

static bool
family_has(const struct family *family, pid_t pid)
{
	for (unsigned i = 0; i < family->count; i++)
		if (family->pids[i] == pid)
			return true;
	return false;
}

static void
family_add(struct family *family, pid_t pid)
{
	if (family->count < PROCESSES_MAX && !family_has(family, pid))
		family->pids[family->count++] = pid;
}

/* Those that were named, and all that descend from them. */
static void
family_find(struct family *family)
{
	static struct {
		pid_t pid, parent;
	} all[32768];
	size_t count = 0;
	unsigned before;
	struct dirent *entry;
	DIR *folder = opendir("/proc");

	*family = named;
	if (named.count == 0 || folder == NULL) {
		if (folder != NULL)
			closedir(folder);
		return;
	}
	while ((entry = readdir(folder)) != NULL && count < COUNT(all)) {
		struct ticks ticks;
		int pid = atoi(entry->d_name);

		if (pid > 0 && ticks_read(pid, &ticks)) {
			all[count].pid = pid;
			all[count++].parent = ticks.parent;
		}
	}
	closedir(folder);
	do {
		before = family->count;
		for (size_t i = 0; i < count; i++)
			if (family_has(family, all[i].parent))
				family_add(family, all[i].pid);
	} while (family->count > before);
}

void
proc_start(const char *pids)
{
	struct ticks ticks;

	for (const char *at = pids; at != NULL && *at != '\0';) {
		char *end;
		long pid = strtol(at, &end, 10);

		if (end == at || pid <= 0 || !ticks_read((pid_t)pid, &ticks)) {
			fprintf(stderr, "stentor-load: --pids: there is no process %s\n", at);
			exit(2);
		}
		family_add(&named, (pid_t)pid);
		at = *end == ',' ? end + 1 : end;
	}
	proc_find();
}

bool
proc_is_watched(void)
{
	return named.count > 0;
}

bool
proc_is_alive(void)
{
	struct ticks ticks;

	for (unsigned i = 0; i < named.count; i++)
		if (!ticks_read(named.pids[i], &ticks))
			return false;
	return true;
}

static double
clock_of(pid_t pid)
{
	struct timespec time;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
		return 0;
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Adds what a process holds in memory. */
static void
memory_read(pid_t pid, struct proc_mark *mark)
{
	char path[64], line[256];
	unsigned long long kib;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	while (fgets(line, sizeof line, file) != NULL) {
		if (sscanf(line, "Rss: %llu kB", &kib) == 1)
			mark->rss += (double)kib * 1024;
		else if (sscanf(line, "Pss: %llu kB", &kib) == 1)
			mark->pss += (double)kib * 1024;
	}
	fclose(file);
}

static void
process_read(pid_t pid, struct proc_mark *mark, bool memory)
{
	double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
	struct ticks ticks;

	mark->seconds += clock_of(pid);
	if (!ticks_read(pid, &ticks))
		return;
	mark->processes++;
	mark->seconds += (double)ticks.children * tick;
	mark->user += (double)ticks.user * tick;
	mark->system += (double)ticks.system * tick;
	if (memory)
		memory_read(pid, mark);
}

void
proc_find(void)
{
	family_find(&found);
}

struct proc_mark
proc_read(bool memory)
{
	struct proc_mark mark = { 0 };

	for (unsigned i = 0; i < found.count; i++)
		process_read(found.pids[i], &mark, memory);
	return mark;
}

void
proc_add_newcomers(struct proc_mark *mark)
{
	struct family before = found;

	family_find(&found);
	for (unsigned i = 0; i < found.count; i++)
		if (!family_has(&before, found.pids[i]))
			process_read(found.pids[i], mark, false);
}

struct proc_mark
proc_between(const struct proc_mark *from, const struct proc_mark *to)
{
	double user = to->user - from->user, system = to->system - from->system;
	struct proc_mark used = { .seconds = to->seconds - from->seconds,
				  .processes = to->processes };

	/* The shares are the ticks', the sum is the clock's. */
	if (user + system > 0)
		used.system = used.seconds * system / (user + system);
	used.user = used.seconds - used.system;
	return used;
}

double
proc_own_seconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}
