/* SPDX-License-Identifier: MIT */
/* Who knows whom. */
#include "bench/load_friends.h"

#include "bench/load_options.h"

unsigned
friends_a_group(void)
{
	return (unsigned)options.roster + 1;
}

unsigned
friends_count(void)
{
	return (unsigned)options.users / friends_a_group() * friends_a_group();
}

int
friends_place(struct slice jid, unsigned group)
{
	unsigned long number = 0, first = (unsigned long)options.first + group * friends_a_group();
	size_t i;

	if (jid.length < 3 || jid.bytes[0] != 'u')
		return -1;
	for (i = 1; i < jid.length && i < 12 && jid.bytes[i] >= '0' && jid.bytes[i] <= '9'; i++)
		number = number * 10 + (unsigned long)(jid.bytes[i] - '0');
	if (i == 1 || i == jid.length || jid.bytes[i] != '@' || number < first ||
	    number >= first + friends_a_group())
		return -1;
	return (int)(number - first);
}
