/* SPDX-License-Identifier: MIT */
/*
 * The running program as main/ sees it.  There is one, it belongs to shard 0, and every
 * file of this room may read it there.
 */
#pragma once

#include "base/log.h"
#include "conf/conf.h"
#include "loop/helper.h"
#include "net/listener.h"
#include "net/tls.h"
#include "store/store.h"

enum server_state { SERVER_STARTING, SERVER_RUNNING, SERVER_STOPPING };

struct listening { /* a port that is open */
	struct listener *listener;
	char *address;
	uint16_t port;
	bool direct;
};

struct server {
	enum server_state state;
	bool offline; /* a tool runs one command: no listeners, no admin socket */
	char *conf_path;
	struct conf *conf;
	char *data; /* the data folder */
	int lock;   /* its lock; -1: not held */
	struct store *store;
	struct tls_context *tls;
	struct helper_pool *desk; /* for what blocks; things of one enum desk keep their order */
	struct listening *listening;
	size_t listening_count;
	int64_t since; /* seconds since 1970 */
	bool daemon;
	int ready; /* a daemon's parent waits at this pipe; -1: nobody */
	int exit_code;
};
extern struct server server;

enum desk { DESK_STORE = 1, DESK_RELOAD, DESK_TIDY };
#define DESK_THREADS 2

/* --- lock.c --- */

/* Takes the exclusive lock of a data folder, made if it is not there.  -1 with the reason;
 * `*holder` (may be NULL) is then the process that has it, or 0. */
int lock_take(const char *folder, int64_t *holder, struct err *err);
void lock_give_back(int *lock);
/* Root becomes the user of that name, who gets the lock as well; others, and without a
 * name, stay who they are. */
bool user_become(const char *name, int lock, struct err *err);

/* The admin socket of a data folder, as a path that is short enough however long the
 * folder's name is.  `*folder_fd` must stay open while the path is used. */
char *admin_path(const char *folder, int *folder_fd, struct err *err);
