/* SPDX-License-Identifier: MIT */
/*
 * Configuration files: whatever the bytes, there is a configuration or a fault, and a
 * configuration that is shown reads as the same one.
 */
#include "conf/conf.h"

#include "../unit/conf/kinds.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each fault is one line, and there are not too many. */
static void
check_faults(const struct text *faults)
{
	size_t lines = 0;

	must(faults->length > 0 && faults->bytes[faults->length - 1] == '\n');
	for (size_t i = 0; i < faults->length; i++) {
		must(faults->bytes[i] == '\n' || (unsigned char)faults->bytes[i] >= ' ');
		lines += faults->bytes[i] == '\n';
	}
	must(lines <= 201);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text faults = { 0 }, shown = { 0 }, again = { 0 }, changed = { 0 }, restart = { 0 };
	struct conf *conf, *other;

	if (memmem(data, size, "include", 7) != NULL)
		return 0; /* no files but this one */
	conf = conf_read_bytes("fuzz.conf", (const char *)data, size, &root_kind, &faults);
	if (conf == NULL) {
		check_faults(&faults);
		text_clear(&faults);
		return 0;
	}
	must(faults.length == 0);

	conf_show(&shown, conf);
	other = conf_read_bytes("shown.conf", shown.bytes, shown.length, &root_kind, &faults);
	must(other != NULL);
	conf_show(&again, other);
	must(strstr(shown.bytes, "is set, and not shown") != NULL ||
	     strcmp(shown.bytes, again.bytes) == 0);

	conf_compare(conf, other, &changed, &restart);
	must(restart.length == 0 && (changed.length == 0 || text_starts(changed.bytes, "admin_")));
	conf_drop(conf);
	conf_drop(other);
	text_clear(&faults);
	text_clear(&shown);
	text_clear(&again);
	text_clear(&changed);
	text_clear(&restart);
	return 0;
}
