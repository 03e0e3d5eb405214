/* SPDX-License-Identifier: MIT */
/*
 * Strangers' bytes into a client's stream, on the stage of its unit tests.
 *
 * The first byte of the input says where the stranger stands when it begins (in the clear,
 * in the clear where TLS is optional, behind TLS, logged in, bound), where its account is
 * at home, and whether the store answers at once; the second how the rest is cut into
 * pieces.  Between pieces 0xfe lets a second pass and 0xff brings what is waited for.  At
 * the end everything that was made must be gone again, whatever was said.
 */
#include "../unit/stream/stage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum outcome
on_element(void *self, struct client *client, struct session *session,
	   const struct element *element)
{
	(void)self;
	(void)session;
	if (element_get(element, "later") != NULL)
		return PASS;
	stream_say(&CONTAINER(client, struct client_stream, client)->stream, element);
	return DONE;
}

static const struct element_rule rule = {
	ELEMENT_SECURED | ELEMENT_ADMITTED | ELEMENT_BOUND,
	NS_CLIENT,
	"iq",
	on_element,
};

static void
settle_some(void)
{
	for (unsigned i = 0; i < stage_receipt_count; i++)
		if (stage_receipts[i] != NULL)
			stage_settle(i);
	stage_receipt_count = 0;
	if (stage_waits != NULL)
		stage_answer();
	if (stage_link != NULL && stage_link->shaking)
		stage_secure();
}

static struct client_stream *
begin(unsigned where)
{
	switch (where) {
	case 0:
		return stage_client(false);
	case 1:
		stage_settings(TLS_OPTIONAL);
		return stage_client(false);
	case 2:
		return stage_secured_client();
	case 3:
		return stage_admitted_client();
	default:
		return stage_bound_client();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece;

	if (size < 2)
		return 0;
	stage_open();
	stage_rule = (data[0] & 64) != 0 ? &rule : NULL;
	stage_home = data[0] >> 3 & 1;
	begin(data[0] % 8);
	stage_settles = (data[0] & 16) == 0;
	stage_answers = (data[0] & 32) == 0;
	piece = data[1] > 0 ? data[1] : size;
	data += 2;
	size -= 2;

	while (size > 0 && stage_link != NULL && !stage_link->closing) {
		size_t length = 0;

		while (length < size && length < piece && data[length] < 0xfe)
			length++;
		hears_bytes((const char *)data, length);
		data += length;
		size -= length;
		if (size > 0 && data[0] >= 0xfe) {
			if (data[0] == 0xfe)
				stage_wait(SECONDS(1));
			else
				settle_some();
			data++;
			size--;
		}
		if (stage_receipt_count > COUNT(stage_receipts) / 2)
			settle_some();
	}
	said();
	if (stage_link != NULL)
		stage_hang_up();
	settle_some();
	settle_some();
	must(stage_is_clean());
	return 0;
}
