/* SPDX-License-Identifier: MIT */
/* The one loop of the generator, on epoll. */
#include "bench/load_loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

#define EVENTS 256

static int loop = -1;

int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_A_SECOND + now.tv_nsec;
}

void
loop_start(void)
{
	loop = epoll_create1(EPOLL_CLOEXEC);
	must(loop >= 0);
	/* A message is due when it is due, not 50 microseconds later. */
	prctl(PR_SET_TIMERSLACK, 1UL);
}

void
loop_watch(struct watch *watch, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	watch->events = events;
	must(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0);
}

void
loop_rewatch(struct watch *watch, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	if (watch->events == events)
		return;
	watch->events = events;
	must(epoll_ctl(loop, EPOLL_CTL_MOD, fd, &event) == 0);
}

void
loop_turn(int64_t until)
{
	struct epoll_event events[EVENTS];
	int64_t left = until - now_ns();
	struct timespec timeout = { 0 };
	int count;

	if (left > 0) {
		timeout.tv_sec = left / NS_A_SECOND;
		timeout.tv_nsec = left % NS_A_SECOND;
	}
	count = epoll_pwait2(loop, events, EVENTS, &timeout, NULL);
	must(count >= 0 || errno == EINTR);
	for (int i = 0; i < count; i++) {
		struct watch *watch = events[i].data.ptr;

		watch->ready(watch, events[i].events);
	}
}
