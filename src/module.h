/* SPDX-License-Identifier: MIT */
/*
 * The module interface: everything a module may see, and nothing else.
 *
 * A module is one file that tells one XEP (modules/mod_ping.c, modules/mod_last.c are the
 * examples), or a folder when the XEP is a novel.  It ends with a declaration,
 *
 *	MODULE = { .api = MODULE_API, .name = "ping", ... };
 *
 * whose fields are explained in core/declare.h.  This is how a module meets the server:
 *
 * LOADING.  For each domain and shard the loader makes `size` zeroed bytes, reads the
 * module's options into them by offset, and calls `start` (if there is one).  Everything
 * that the declaration names -- features, IQ rules, hooks, elements, commands -- is in force
 * from then on and withdrawn before `stop`.  Migrations (schemas/DRIVER/NAME-NNN-*.sql) have
 * run before.  A module needs no registration calls and keeps no globals.
 *
 * WHERE IT RUNS.  Every account has one home shard; hooks and rules about an account run
 * there, with the `self` of that shard.  Nothing is shared with the other shards' `self`, so
 * there is nothing to lock.  A handler never blocks: what takes time (store_read, iq_ask) is
 * given a function that is called once, later, on the same shard.  Hold what that function
 * will need (iq_hold, stanza_hold, account_hold) and drop it there.
 *
 * A QUERY.  An IQ rule names type, whom and element; its handler answers with iq_result or
 * iq_error, or holds the IQ and returns LATER.  What it writes goes into a batch;
 * iq_result_after answers when that is committed (acked means kept).
 *
 * A MESSAGE.  A client's message first meets message_leaving at its sender's home.  It then
 * travels to the recipient's home, by one post at most, and waits in the account's lane if
 * that is still loading.  There it meets message_arriving by stage: GUARD may refuse it,
 * STAMP may replace it, then core makes the plan (who gets it: core/plan.h); ARCHIVE adds
 * rows to stanza_batch(), COPY adds others who want it, and FALLBACK is asked when nobody
 * is there.  What was added to the batch is committed before a client sees the message or
 * its sender's receipt settles.
 *
 * MEMORY.  A stanza has an arena; build answers there (element_new(iq->arena, ...)).  An
 * account or session has a corner of yours, `account_size` and `session_size` zeroed bytes
 * (account_corner, session_corner); free what it owns in account_unloading or
 * session_unloading.
 * What every stanza needs must be in memory: load it in account_loading.
 *
 * ERRORS.  A peer's mistake is answered (iq_error, stanza_error), the store's failure is
 * "cannot tell" and becomes internal-server-error, our own bug is must().
 */
#pragma once

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/list.h"
#include "base/log.h"
#include "base/random.h"
#include "base/table.h"
#include "base/text.h"
#include "conf/option.h"
#include "core/account.h"
#include "core/command.h"
#include "core/credentials.h"
#include "core/declare.h"
#include "core/directory.h"
#include "core/disco.h"
#include "core/domain.h"
#include "core/features.h"
#include "core/hook.h"
#include "core/host.h"
#include "core/id.h"
#include "core/iq.h"
#include "core/keeper.h"
#include "core/lasting.h"
#include "core/plan.h"
#include "core/roster.h"
#include "core/router.h"
#include "core/session.h"
#include "core/stanza.h"
#include "core/version.h"
#include "loop/shard.h"
#include "loop/timer.h"
#include "store/store.h"
#include "xml/element.h"
#include "xml/writer.h"
#include "xmpp/caps.h"
#include "xmpp/carbon.h"
#include "xmpp/condition.h"
#include "xmpp/datetime.h"
#include "xmpp/delay.h"
#include "xmpp/digest.h"
#include "xmpp/form.h"
#include "xmpp/hint.h"
#include "xmpp/jid.h"
#include "xmpp/ns.h"
#include "xmpp/resultset.h"
#include "xmpp/stanza.h"
