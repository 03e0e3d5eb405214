/* SPDX-License-Identifier: MIT */
/* What a service manager wants to hear (sd_notify(3)); harmless without one. */
#pragma once

/* "READY=1", "STOPPING=1", "STATUS=..."; lines are joined by newlines. */
void notify(const char *state);
/* RELOADING=1 with its time stamp. */
void notify_reloading(void);
