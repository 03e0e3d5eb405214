/* SPDX-License-Identifier: MIT */
/* Random bytes from the operating system's CSPRNG, and nothing else. */
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

void
random_bytes(void *bytes, size_t length)
{
	char *at = bytes;

	while (length > 0) {
		ssize_t got = getrandom(at, length, 0);

		must(got >= 0 || errno == EINTR);
		if (got > 0) {
			at += got;
			length -= (size_t)got;
		}
	}
}

void
random_name(char *text, size_t length)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

	random_bytes(text, length);
	for (size_t i = 0; i < length; i++)
		text[i] = letters[(unsigned char)text[i] & 31];
	text[length] = '\0';
}

uint64_t
random_number(void)
{
	uint64_t number;

	random_bytes(&number, sizeof number);
	return number;
}
