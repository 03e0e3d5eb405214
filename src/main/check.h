/* SPDX-License-Identifier: MIT */
/*
 * Whether a configuration would work in the world as it is: files, certificates, ports,
 * the store.  Everything that is wrong is said at once.
 */
#pragma once

#include "base/text.h"
#include "conf/conf.h"

/* Certificates and keys of all domains.  `notes` gets what will be wrong soon; unless
 * `strictly`, also what has expired: a server that runs must not stop for that. */
void check_certificates(const struct conf *conf, bool strictly, struct text *faults,
			struct text *notes);
void check_ports(const struct conf *conf, struct text *faults);
/* The store: that it can be opened, is whole, and has what the modules need; nothing is
 * changed, and nothing made. */
void check_store(const struct conf *conf, struct text *faults, struct text *notes);

/* All of it, after reading `path`.  True when nothing is wrong.  When a server has the
 * data folder, ports and store are its own, and left alone. */
bool check_all(const char *path, struct text *faults, struct text *notes);
