/* SPDX-License-Identifier: MIT */
/* Base64 (RFC 4648 section 4) and hex; comparing and forgetting secrets. */
#include "base/codec.h"

#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(char *out, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;

	for (; length >= 3; at += 3, length -= 3) {
		*out++ = letters[at[0] >> 2];
		*out++ = letters[(at[0] & 3) << 4 | at[1] >> 4];
		*out++ = letters[(at[1] & 15) << 2 | at[2] >> 6];
		*out++ = letters[at[2] & 63];
	}
	if (length > 0) {
		unsigned char second = length > 1 ? at[1] : 0;

		*out++ = letters[at[0] >> 2];
		*out++ = letters[(at[0] & 3) << 4 | second >> 4];
		*out++ = length > 1 ? letters[(second & 15) << 2] : '=';
		*out++ = '=';
	}
	*out = '\0';
}

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
base64_decode(void *out, size_t room, size_t *length, const char *text, size_t text_length)
{
	unsigned char *at = out;
	size_t padding = 0, whole;

	if (text_length % 4 != 0)
		return false;
	while (padding < 2 && padding < text_length && text[text_length - 1 - padding] == '=')
		padding++;
	whole = text_length / 4 * 3 - padding;
	if (whole > room)
		return false;

	for (size_t i = 0; i < text_length; i += 4) {
		size_t digits = i + 4 == text_length ? 4 - padding : 4;
		uint32_t word = 0;

		for (size_t j = 0; j < 4; j++) {
			int digit = j < digits ? base64_digit(text[i + j]) : 0;

			if (digit < 0)
				return false;
			word = word << 6 | (uint32_t)digit;
		}
		/* Bits that stand for nothing must be zero, or two texts mean the same. */
		if ((digits == 2 && (word & 0xffff) != 0) || (digits == 3 && (word & 0xff) != 0))
			return false;
		*at++ = (unsigned char)(word >> 16);
		if (digits > 2)
			*at++ = (unsigned char)(word >> 8);
		if (digits > 3)
			*at++ = (unsigned char)word;
	}
	*length = whole;
	return true;
}

void
hex_encode(char *out, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < length; i++) {
		*out++ = "0123456789abcdef"[at[i] >> 4];
		*out++ = "0123456789abcdef"[at[i] & 15];
	}
	*out = '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
hex_decode(void *out, size_t room, size_t *length, const char *text)
{
	unsigned char *at = out;
	size_t digits = strlen(text);

	if (digits % 2 != 0 || digits / 2 > room)
		return false;
	for (size_t i = 0; i < digits; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return false;
		*at++ = (unsigned char)(high << 4 | low);
	}
	*length = digits / 2;
	return true;
}

bool
equal_secretly(const void *a, const void *b, size_t length)
{
	const volatile unsigned char *at_a = a, *at_b = b;
	unsigned char differences = 0;

	for (size_t i = 0; i < length; i++)
		differences |= at_a[i] ^ at_b[i];
	return differences == 0;
}

void
wipe(void *bytes, size_t length)
{
	explicit_bzero(bytes, length);
}
