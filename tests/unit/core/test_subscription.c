/* SPDX-License-Identifier: MIT */
/*
 * Every state of RFC 6121 A.1 against every stanza, both ways: the tables of A.2 and A.3
 * written out as the RFC prints them.
 */
#include "core/subscription.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const char *const names[] = { "None", "None+Out", "None+In", "None+Out+In", "To",
	                             "To+In", "From", "From+Out", "Both" };

static struct subscription
state_named(const char *name)
{
	struct subscription s = { 0 };

	if (strncmp(name, "To", 2) == 0)
		s.how = SUBSCRIBED_TO;
	else if (strncmp(name, "From", 4) == 0)
		s.how = SUBSCRIBED_FROM;
	else if (strcmp(name, "Both") == 0)
		s.how = SUBSCRIBED_BOTH;
	s.pending_out = strstr(name, "+Out") != NULL;
	s.pending_in = strstr(name, "+In") != NULL;
	return s;
}

struct row {
	const char *pass;		/* M: MUST, -: MUST NOT or SHOULD NOT */
	const char *next[9];		/* NULL: no state change */
};

#define SAME NULL

static void
check(const struct row *row, enum stanza_type type, bool inbound, const enum stanza_type *replies)
{
	for (unsigned i = 0; i < 9; i++) {
		struct subscription before = state_named(names[i]);
		struct subscription want = row->next[i] != NULL ? state_named(row->next[i]) : before;
		struct subscription_step step = inbound ? subscription_inbound(before, type) :
		                                          subscription_outbound(before, type);

		if (step.next.how != want.how || step.next.pending_out != want.pending_out ||
		    step.next.pending_in != want.pending_in)
			fail_msg("%s: went to how=%d out=%d in=%d", names[i], step.next.how,
			         step.next.pending_out, step.next.pending_in);
		if (step.pass != (row->pass[i] == 'M'))
			fail_msg("%s: pass is %d", names[i], step.pass);
		if (!step.next.approved && step.changed != (row->next[i] != NULL))
			fail_msg("%s: changed is %d", names[i], step.changed);
		if (replies != NULL && step.reply != replies[i])
			fail_msg("%s: replies %d", names[i], (int)step.reply);
	}
}

static void
outbound_subscribe_is_table_2(void **state)
{
	static const struct row row = { "MMMMMMMMM",
		                        { "None+Out", SAME, "None+Out+In", SAME, SAME, SAME,
		                          "From+Out", SAME, SAME } };
	(void)state;
	check(&row, TYPE_SUBSCRIBE, false, NULL);
}

static void
outbound_unsubscribe_is_table_3(void **state)
{
	static const struct row row = { "MMMMMMMMM",
		                        { SAME, "None", SAME, "None+In", "None", "None+In", SAME,
		                          "From", "From" } };
	(void)state;
	check(&row, TYPE_UNSUBSCRIBE, false, NULL);
}

static void
outbound_subscribed_is_table_4(void **state)
{
	static const struct row row = { "--MM-M---",
		                        { SAME, SAME, "From", "From+Out", SAME, "Both", SAME, SAME,
		                          SAME } };
	(void)state;
	check(&row, TYPE_SUBSCRIBED, false, NULL);
}

static void
outbound_unsubscribed_is_table_5(void **state)
{
	static const struct row row = { "--MM-MMMM",
		                        { SAME, SAME, "None", "None+Out", SAME, "To", "None",
		                          "None+Out", "To" } };
	(void)state;
	check(&row, TYPE_UNSUBSCRIBED, false, NULL);
}

static void
inbound_subscribe_is_table_6_with_its_auto_replies(void **state)
{
	static const struct row row = { "MM--M----",
		                        { "None+In", "None+Out+In", SAME, SAME, "To+In", SAME, SAME,
		                          SAME, SAME } };
	static const enum stanza_type replies[9] = {
		TYPE_NONE, TYPE_NONE,       TYPE_NONE,       TYPE_NONE,      TYPE_NONE,
		TYPE_NONE, TYPE_SUBSCRIBED, TYPE_SUBSCRIBED, TYPE_SUBSCRIBED
	};
	(void)state;
	check(&row, TYPE_SUBSCRIBE, true, replies);
}

static void
inbound_unsubscribe_is_table_7_with_its_auto_replies(void **state)
{
	static const struct row row = { "--MM-MMMM",
		                        { SAME, SAME, "None", "None+Out", SAME, "To", "None",
		                          "None+Out", "To" } };
	static const enum stanza_type replies[9] = {
		TYPE_NONE, TYPE_NONE, TYPE_UNSUBSCRIBED, TYPE_UNSUBSCRIBED, TYPE_NONE,
		TYPE_UNSUBSCRIBED, TYPE_UNSUBSCRIBED, TYPE_UNSUBSCRIBED, TYPE_UNSUBSCRIBED
	};
	(void)state;
	check(&row, TYPE_UNSUBSCRIBE, true, replies);
}

static void
inbound_subscribed_is_table_8(void **state)
{
	static const struct row row = { "-M-M---M-",
		                        { SAME, "To", SAME, "To+In", SAME, SAME, SAME, "Both",
		                          SAME } };
	(void)state;
	check(&row, TYPE_SUBSCRIBED, true, NULL);
}

static void
inbound_unsubscribed_is_table_9(void **state)
{
	static const struct row row = { "-M-MMM-MM",
		                        { SAME, "None", SAME, "None+In", "None", "None+In", SAME,
		                          "From", "From" } };
	(void)state;
	check(&row, TYPE_UNSUBSCRIBED, true, NULL);
}

static void
a_pre_approval_stays_here_until_a_request_comes(void **state)
{
	struct subscription none = { 0 };
	struct subscription_step approved = subscription_outbound(none, TYPE_SUBSCRIBED);
	struct subscription_step asked;

	(void)state;
	assert_true(approved.changed);
	assert_false(approved.pass);
	assert_true(approved.next.approved);
	asked = subscription_inbound(approved.next, TYPE_SUBSCRIBE);
	assert_int_equal(asked.next.how, SUBSCRIBED_FROM);
	assert_false(asked.next.pending_in);
	assert_false(asked.pass);
	assert_int_equal(asked.reply, TYPE_SUBSCRIBED);
}

static void
refusing_cancels_a_pre_approval(void **state)
{
	struct subscription approved = { .approved = true };
	struct subscription_step step = subscription_outbound(approved, TYPE_UNSUBSCRIBED);

	(void)state;
	assert_true(step.changed);
	assert_false(step.next.approved);
	assert_false(step.pass);
}

static void
a_state_that_cannot_be_is_read_as_the_nearest(void **state)
{
	struct subscription odd = { SUBSCRIBED_BOTH, true, true, false };
	struct subscription_step step = subscription_inbound(odd, TYPE_UNSUBSCRIBED);

	(void)state;
	assert_int_equal(step.next.how, SUBSCRIBED_FROM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outbound_subscribe_is_table_2),
		cmocka_unit_test(outbound_unsubscribe_is_table_3),
		cmocka_unit_test(outbound_subscribed_is_table_4),
		cmocka_unit_test(outbound_unsubscribed_is_table_5),
		cmocka_unit_test(inbound_subscribe_is_table_6_with_its_auto_replies),
		cmocka_unit_test(inbound_unsubscribe_is_table_7_with_its_auto_replies),
		cmocka_unit_test(inbound_subscribed_is_table_8),
		cmocka_unit_test(inbound_unsubscribed_is_table_9),
		cmocka_unit_test(a_pre_approval_stays_here_until_a_request_comes),
		cmocka_unit_test(refusing_cancels_a_pre_approval),
		cmocka_unit_test(a_state_that_cannot_be_is_read_as_the_nearest),
	};

	return cmocka_run_group_tests_name("core/subscription", tests, NULL, NULL);
}
