/* SPDX-License-Identifier: MIT */
/*
 * One option at a time: from the words of a file to a typed, bounded value, and back.
 *
 * Every refusal says what was said, what would have been right, and an example, so that
 * nobody needs the manual to mend a file.
 */
#include "conf/option.h"

#include "conf/conf.h"

#include "conf/internal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *name;
	int64_t worth;
};

/* The first of each worth is how we write it; `many` when it is not one. */
static const struct unit period_units[] = {
	{ "ms", 1 },
	{ "millisecond", 1 },
	{ "milliseconds", 1 },
	{ "s", 1000 },
	{ "sec", 1000 },
	{ "second", 1000 },
	{ "seconds", 1000 },
	{ "min", 60000 },
	{ "minute", 60000 },
	{ "minutes", 60000 },
	{ "h", 3600000 },
	{ "hour", 3600000 },
	{ "hours", 3600000 },
	{ "d", 86400000 },
	{ "day", 86400000 },
	{ "days", 86400000 },
	{ "week", 7 * INT64_C(86400000) },
	{ "weeks", 7 * INT64_C(86400000) },
	{ NULL, 0 },
};

static const struct unit size_units[] = {
	{ "B", 1 },
	{ "byte", 1 },
	{ "bytes", 1 },
	{ "kB", 1000 },
	{ "KiB", 1024 },
	{ "MB", 1000 * 1000 },
	{ "MiB", 1024 * 1024 },
	{ "GB", 1000 * 1000 * 1000 },
	{ "GiB", 1024 * 1024 * 1024 },
	{ "TB", INT64_C(1000) * 1000 * 1000 * 1000 },
	{ "TiB", INT64_C(1024) * 1024 * 1024 * 1024 },
	{ NULL, 0 },
};

static const char *const yes_words[] = { "yes", "true", "on", NULL };
static const char *const no_words[] = { "no", "false", "off", NULL };

static void *
field_of(const struct option *option, void *values)
{
	return (char *)values + option->offset;
}

static const void *
field_in(const struct option *option, const void *values)
{
	return (const char *)values + option->offset;
}

static int64_t
number_in(const struct option *option, const void *values)
{
	if (option->type == OPTION_BOOL_)
		return *(const bool *)field_in(option, values);
	return *(const int64_t *)field_in(option, values);
}

static const char *
text_in(const struct option *option, const void *values)
{
	return *(const char *const *)field_in(option, values);
}

static const char *const *
list_in(const struct option *option, const void *values)
{
	return *(const char *const *const *)field_in(option, values);
}

size_t
option_count(const struct option *options)
{
	size_t count = 0;

	while (options != NULL && options[count].type != OPTION_END_)
		count++;
	return count;
}

const struct option *
option_find(const struct option *options, const char *name)
{
	for (; options != NULL && options->type != OPTION_END_; options++)
		if (strcmp(options->name, name) == 0)
			return options;
	return NULL;
}

/* --- writing --- */

void
add_quoted(struct text *out, const char *text)
{
	text_add_char(out, '"');
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\n')
			text_add(out, "\\n");
		else if (c == '\t')
			text_add(out, "\\t");
		else if (c == '\r')
			text_add(out, "\\r");
		else if (c < 0x20 || c == 0x7f)
			text_addf(out, "\\x%02x", c);
		else if (c == '"' || c == '\\' || (c == '$' && text[1] == '{'))
			text_addf(out, "\\%c", c);
		else
			text_add_char(out, (char)c);
	}
	text_add_char(out, '"');
}

static void
add_size(struct text *out, int64_t bytes)
{
	const struct unit *best = size_units;

	for (const struct unit *unit = size_units; unit->name != NULL && bytes != 0; unit++)
		if (bytes % unit->worth == 0 && unit->worth > best->worth)
			best = unit;
	text_addf(out, "%" PRId64 " %s", bytes / best->worth, best->name);
}

static void
add_period(struct text *out, int64_t ms)
{
	static const struct {
		const char *one, *many;
		int64_t worth;
	} units[] = {
		{ "day", "days", 86400000 },
		{ "hour", "hours", 3600000 },
		{ "minute", "minutes", 60000 },
		{ "s", "s", 1000 },
		{ "ms", "ms", 1 },
	};

	if (ms == 0) {
		text_add(out, "0 s");
		return;
	}
	for (size_t i = 0; i < COUNT(units); i++)
		if (ms % units[i].worth == 0) {
			int64_t n = ms / units[i].worth;

			text_addf(out, "%" PRId64 " %s", n, n == 1 ? units[i].one : units[i].many);
			return;
		}
}

static void
add_number(struct text *out, const struct option *option, int64_t number)
{
	if (option->type == OPTION_BOOL_)
		text_add(out, number != 0 ? "yes" : "no");
	else if (option->type == OPTION_SIZE_)
		add_size(out, number);
	else if (option->type == OPTION_PERIOD_)
		add_period(out, number);
	else
		text_addf(out, "%" PRId64, number);
}

static void
add_list(struct text *out, const char *const *words)
{
	if (words == NULL || words[0] == NULL) {
		text_add(out, "{ }");
		return;
	}
	for (size_t i = 0; words[i] != NULL; i++) {
		text_add(out, i == 0 ? "{ " : ", ");
		add_quoted(out, words[i]);
	}
	text_add(out, " }");
}

static size_t
word_count(const char *const *words)
{
	size_t count = 0;

	while (words != NULL && words[count] != NULL)
		count++;
	return count;
}

void
option_write(struct text *out, const struct option *option, const void *values)
{
	switch (option->type) {
	case OPTION_BOOL_:
	case OPTION_NUMBER_:
	case OPTION_SIZE_:
	case OPTION_PERIOD_:
		add_number(out, option, number_in(option, values));
		break;
	case OPTION_CHOICE_: {
		int64_t index = number_in(option, values);

		must(index >= 0 && (size_t)index < word_count(option->words));
		text_add(out, option->words[index]);
		break;
	}
	case OPTION_TEXT_:
		if (text_in(option, values) != NULL)
			add_quoted(out, text_in(option, values));
		break;
	case OPTION_LIST_:
		add_list(out, list_in(option, values));
		break;
	case OPTION_END_:
		break;
	}
}

bool
option_is_secret(const struct option *option)
{
	static const char *const ends[] = { "password", "secret", "token" };
	size_t length = strlen(option->name);

	if (option->type != OPTION_TEXT_)
		return false;
	for (size_t i = 0; i < COUNT(ends); i++)
		if (length >= strlen(ends[i]) &&
		    strcmp(option->name + length - strlen(ends[i]), ends[i]) == 0)
			return true;
	return option->secret;
}

bool
option_same(const struct option *option, const void *a, const void *b)
{
	const char *const *list_a, *const *list_b;

	switch (option->type) {
	case OPTION_TEXT_:
		return text_is(text_in(option, a), text_in(option, b));
	case OPTION_LIST_:
		list_a = list_in(option, a);
		list_b = list_in(option, b);
		if (word_count(list_a) != word_count(list_b))
			return false;
		for (size_t i = 0; i < word_count(list_a); i++)
			if (!text_is(list_a[i], list_b[i]))
				return false;
		return true;
	case OPTION_END_:
	case OPTION_BOOL_:
	case OPTION_NUMBER_:
	case OPTION_SIZE_:
	case OPTION_PERIOD_:
	case OPTION_CHOICE_:
		break;
	}
	return number_in(option, a) == number_in(option, b);
}

/* --- what an option is, in words --- */

static bool
is_bounded(const struct option *option)
{
	return option->minimum != 0 || option->maximum != 0;
}

/* "a, b or c" */
static void
add_choice(struct text *out, const char *const *words, bool quoted)
{
	size_t count = word_count(words);

	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			text_add(out, i + 1 < count ? ", " : " or ");
		text_addf(out, quoted ? "\"%s\"" : "%s", words[i]);
	}
}

static void
add_bounds(struct text *out, const struct option *option)
{
	add_number(out, option, option->minimum);
	text_add(out, " and ");
	add_number(out, option, option->maximum);
}

void
option_add_type(struct text *out, const struct option *option)
{
	switch (option->type) {
	case OPTION_BOOL_:
		text_add(out, "yes or no");
		break;
	case OPTION_NUMBER_:
		text_add(out, "a number");
		break;
	case OPTION_SIZE_:
		text_add(out, "a size");
		break;
	case OPTION_PERIOD_:
		text_add(out, "a period");
		break;
	case OPTION_TEXT_:
		text_add(out, "a text");
		break;
	case OPTION_CHOICE_:
		add_choice(out, option->words, false);
		break;
	case OPTION_LIST_:
		text_add(out, "a list of texts");
		break;
	case OPTION_END_:
		break;
	}
	if (is_bounded(option) && option->type != OPTION_BOOL_ && option->type != OPTION_CHOICE_) {
		text_add(out, " between ");
		add_bounds(out, option);
	}
}

/* The next of the words in a list's fallback "a b c"; NULL after the last. */
static const char *
next_fallback(const char **rest, size_t *length)
{
	const char *word = *rest + strspn(*rest, " ");

	*length = strcspn(word, " ");
	*rest = word + *length;
	return *length > 0 ? word : NULL;
}

void
option_add_fallback(struct text *out, const struct option *option)
{
	const char *rest = option->text_fallback != NULL ? option->text_fallback : "", *word;
	size_t length, count = 0;

	switch (option->type) {
	case OPTION_BOOL_:
	case OPTION_NUMBER_:
	case OPTION_SIZE_:
	case OPTION_PERIOD_:
		add_number(out, option, option->fallback);
		break;
	case OPTION_CHOICE_:
		text_add(out,
			 option->text_fallback != NULL ? option->text_fallback : option->words[0]);
		break;
	case OPTION_TEXT_:
		if (option->text_fallback != NULL)
			add_quoted(out, option->text_fallback);
		break;
	case OPTION_LIST_:
		while ((word = next_fallback(&rest, &length)) != NULL) {
			char *copy = copy_bytes(word, length);

			text_add(out, count++ == 0 ? "{ " : ", ");
			add_quoted(out, copy);
			free(copy);
		}
		text_add(out, count > 0 ? " }" : "{ }");
		break;
	case OPTION_END_:
		break;
	}
}

void
option_add_example(struct text *out, const struct option *option)
{
	size_t before;

	text_addf(out, "%s = ", option->name);
	before = out->length;
	if (option->example == NULL)
		option_add_fallback(out, option);
	else if (option->type == OPTION_TEXT_ && strchr("\"'", option->example[0]) == NULL)
		add_quoted(out, option->example);
	else
		text_add(out, option->example);
	if (out->length == before)
		text_add(out, "\"...\"");
}

/* --- reading --- */

static bool
refuse(struct text *why, const struct option *option, const char *word, const char *what,
       const char *near)
{
	text_addf(why, "\"%.60s\" is not %s for \"%s\": ", word, what, option->name);
	if (near != NULL)
		text_addf(why, "did you mean \"%s\"?  ", near);
	return false;
}

static void
as_in(struct text *why, const struct option *option)
{
	text_add(why, ", as in: ");
	option_add_example(why, option);
}

static bool
is_one_of(const char *word, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasecmp(word, *words) == 0)
			return true;
	return false;
}

static bool
read_bool(bool *value, const struct option *option, const char *word, struct text *why)
{
	static const char *const all[] = { "yes", "no", "true", "false", "on", "off", NULL };

	if (is_one_of(word, yes_words)) {
		*value = true;
		return true;
	}
	if (is_one_of(word, no_words)) {
		*value = false;
		return true;
	}
	refuse(why, option, word, "yes or no", text_nearest(word, all));
	text_add(why, "say yes or no");
	as_in(why, option);
	return false;
}

static bool
read_choice(int64_t *value, const struct option *option, const char *word, struct text *why)
{
	for (size_t i = 0; option->words[i] != NULL; i++)
		if (strcasecmp(word, option->words[i]) == 0) {
			*value = (int64_t)i;
			return true;
		}
	refuse(why, option, word, "a word", text_nearest(word, option->words));
	text_add(why, "say ");
	add_choice(why, option->words, true);
	as_in(why, option);
	return false;
}

static bool
within_bounds(const struct option *option, int64_t value, struct text *why, enum err_kind *kind)
{
	if (!is_bounded(option) || (value >= option->minimum && value <= option->maximum))
		return true;
	*kind = ERR_LIMIT;
	text_addf(why, "%s ", option->name);
	add_number(why, option, value);
	text_add(why, " is not between ");
	add_bounds(why, option);
	return false;
}

static bool
read_number(int64_t *value, const struct option *option, const char *word, struct text *why,
	    enum err_kind *kind)
{
	const char *digits = word + (word[0] == '-' || word[0] == '+');
	long long number;

	if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0') {
		refuse(why, option, word, "a number", NULL);
		text_add(why, "say a whole number");
		if (is_bounded(option)) {
			text_add(why, " between ");
			add_bounds(why, option);
		}
		as_in(why, option);
		return false;
	}
	errno = 0;
	number = strtoll(word, NULL, 10);
	if (errno == ERANGE) {
		*kind = ERR_LIMIT;
		text_addf(why, "%s %.40s is beyond all bounds", option->name, word);
		if (is_bounded(option)) {
			text_add(why, "; say a number between ");
			add_bounds(why, option);
		}
		return false;
	}
	*value = number;
	return true;
}

enum quantity { QUANTITY_GOOD, QUANTITY_BAD, QUANTITY_HUGE };

static const struct unit *
unit_find(const struct unit *units, const char *name)
{
	for (; units->name != NULL; units++)
		if (strcasecmp(units->name, name) == 0)
			return units;
	return NULL;
}

/* Reads one "1.5 MiB" off `*at`; `unit` is what stood for the unit. */
static enum quantity
read_part(int64_t *value, const char **at, const struct unit *units, char unit[16])
{
	const struct unit *found;
	int64_t whole = 0, fraction = 0, parts = 1;
	size_t length = 0;

	if (!isdigit((unsigned char)**at))
		return QUANTITY_BAD;
	for (; isdigit((unsigned char)**at); (*at)++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, **at - '0', &whole))
			return QUANTITY_HUGE;
	if (**at == '.' && isdigit((unsigned char)(*at)[1]))
		for ((*at)++; isdigit((unsigned char)**at); (*at)++)
			if (parts < 1000) {
				fraction = fraction * 10 + (**at - '0');
				parts *= 10;
			}
	*at += strspn(*at, " \t");
	for (; isalpha((unsigned char)**at); (*at)++)
		if (length < 15)
			unit[length++] = **at;
	unit[length] = '\0';

	if (length == 0) { /* bytes may be counted bare; and nothing needs no unit */
		if (fraction != 0 || (whole != 0 && units == period_units))
			return QUANTITY_BAD;
		*value = whole;
		return QUANTITY_GOOD;
	}
	found = unit_find(units, unit);
	if (found == NULL)
		return QUANTITY_BAD;
	if (__builtin_mul_overflow(whole, found->worth, value) ||
	    __builtin_add_overflow(*value, fraction * found->worth / parts, value))
		return QUANTITY_HUGE;
	return QUANTITY_GOOD;
}

static const char *
nearest_unit(const char *unit, const struct unit *units)
{
	const char *names[COUNT(period_units) + COUNT(size_units)];
	size_t count = 0;

	for (; units->name != NULL; units++)
		names[count++] = units->name;
	names[count] = NULL;
	return unit[0] != '\0' ? text_nearest(unit, names) : NULL;
}

/* "64 KiB", "5 minutes", "1 hour 30 minutes" */
static bool
read_quantity(int64_t *value, const struct option *option, const char *word, struct text *why,
	      enum err_kind *kind)
{
	bool is_period = option->type == OPTION_PERIOD_;
	const struct unit *units = is_period ? period_units : size_units;
	enum quantity how = QUANTITY_GOOD;
	const char *at = word + strspn(word, " \t"), *near = NULL;
	char unit[16] = "";
	int64_t sum = 0;

	do {
		int64_t part = 0;

		how = read_part(&part, &at, units, unit);
		if (how == QUANTITY_GOOD && __builtin_add_overflow(sum, part, &sum))
			how = QUANTITY_HUGE;
		at += strspn(at, " \t");
	} while (how == QUANTITY_GOOD && *at != '\0');

	if (how == QUANTITY_GOOD) {
		*value = sum;
		return true;
	}
	if (how == QUANTITY_HUGE) {
		*kind = ERR_LIMIT;
		text_addf(why, "%s %.40s is beyond all bounds", option->name, word);
		if (is_bounded(option)) {
			text_addf(why, "; say a %s between ", is_period ? "period" : "size");
			add_bounds(why, option);
		}
		return false;
	}
	if (unit[0] != '\0' && unit_find(units, unit) == NULL)
		near = nearest_unit(unit, units);
	refuse(why, option, word, is_period ? "a period" : "a size", near);
	text_addf(why, "say a number and a unit (%s)",
		  is_period ? "ms, s, minutes, hours, days" : "B, kB, KiB, MB, MiB, GB, GiB");
	as_in(why, option);
	return false;
}

static bool
is_plain_text(const struct option *option, const char *word, struct text *why)
{
	if (text_is_utf8(word, strlen(word)))
		return true;
	text_addf(why, "the text of \"%s\" is not UTF-8", option->name);
	return false;
}

static const char *const *
list_copy(struct arena *arena, const char *const *words, size_t count)
{
	const char **copy = arena_alloc(arena, (count + 1) * sizeof *copy);

	for (size_t i = 0; i < count; i++)
		copy[i] = arena_copy(arena, words[i]);
	return copy;
}

bool
option_take(const struct option *option, void *values, const char *const *words, size_t count,
	    struct arena *arena, struct text *why, enum err_kind *kind)
{
	void *field = field_of(option, values);
	bool truth, good = false;
	int64_t number = 0;

	*kind = ERR_SYNTAX;
	must(count == 1 || option->type == OPTION_LIST_);
	switch (option->type) {
	case OPTION_BOOL_:
		good = read_bool(&truth, option, words[0], why);
		if (good)
			*(bool *)field = truth;
		return good;
	case OPTION_CHOICE_:
		good = read_choice(&number, option, words[0], why);
		break;
	case OPTION_NUMBER_:
		good = read_number(&number, option, words[0], why, kind) &&
		       within_bounds(option, number, why, kind);
		break;
	case OPTION_SIZE_:
	case OPTION_PERIOD_:
		good = read_quantity(&number, option, words[0], why, kind) &&
		       within_bounds(option, number, why, kind);
		break;
	case OPTION_TEXT_:
		if (!is_plain_text(option, words[0], why))
			return false;
		*(const char **)field = arena_copy(arena, words[0]);
		return true;
	case OPTION_LIST_:
		for (size_t i = 0; i < count; i++)
			if (!is_plain_text(option, words[i], why))
				return false;
		*(const char *const **)field = list_copy(arena, words, count);
		return true;
	case OPTION_END_:
		break;
	}
	if (good)
		*(int64_t *)field = number;
	return good;
}

/* --- fallbacks, and reading without a file --- */

static const char *const *
list_split(struct arena *arena, const char *words, const char *separators)
{
	const char **list = arena_alloc(arena, (strlen(words) / 2 + 2) * sizeof *list);
	size_t count = 0;

	for (words += strspn(words, separators); *words != '\0';
	     words += strspn(words, separators)) {
		size_t length = strcspn(words, separators);

		list[count++] = arena_copy_bytes(arena, words, length);
		words += length;
	}
	return list;
}

void
option_take_fallback(const struct option *option, void *values, struct arena *arena)
{
	void *field = field_of(option, values);
	struct text why = { 0 };

	switch (option->type) {
	case OPTION_BOOL_:
		*(bool *)field = option->fallback != 0;
		break;
	case OPTION_NUMBER_:
	case OPTION_SIZE_:
	case OPTION_PERIOD_:
		*(int64_t *)field = option->fallback;
		break;
	case OPTION_CHOICE_:
		*(int64_t *)field = 0;
		if (option->text_fallback != NULL)
			must(read_choice(field, option, option->text_fallback, &why));
		break;
	case OPTION_TEXT_:
		*(const char **)field = option->text_fallback;
		break;
	case OPTION_LIST_: {
		const char *words = option->text_fallback != NULL ? option->text_fallback : "";

		*(const char *const **)field = list_split(arena, words, " ");
		break;
	}
	case OPTION_END_:
		break;
	}
	text_clear(&why);
}

/* Lists that no configuration owns: made once for each words, kept for ever. */
static struct kept {
	struct kept *next;
	const char *words;
	const char *const *list;
} * kept_lists;

static const char *const *
list_keep(const char *words)
{
	static struct arena *arena;
	struct kept *kept;

	for (kept = kept_lists; kept != NULL; kept = kept->next)
		if (strcmp(kept->words, words) == 0)
			return kept->list;
	if (arena == NULL)
		arena = arena_new();
	kept = NEW(arena, struct kept);
	kept->words = arena_copy(arena, words);
	kept->list = list_split(arena, words, " ,\t\n");
	kept->next = kept_lists;
	kept_lists = kept;
	return kept->list;
}

void
options_default(const struct option *options, void *values)
{
	for (; options != NULL && options->type != OPTION_END_; options++) {
		const char *words = options->text_fallback != NULL ? options->text_fallback : "";

		if (options->type == OPTION_LIST_)
			*(const char *const **)field_of(options, values) = list_keep(words);
		else
			option_take_fallback(options, values, NULL);
	}
}

bool
option_read(const struct option *option, void *values, const char *text, struct err *err)
{
	struct text why = { 0 };
	enum err_kind kind = ERR_SYNTAX;
	bool good;

	switch (option->type) {
	case OPTION_TEXT_:
		good = is_plain_text(option, text, &why);
		if (good)
			*(const char **)field_of(option, values) = text;
		break;
	case OPTION_LIST_:
		good = is_plain_text(option, text, &why);
		if (good)
			*(const char *const **)field_of(option, values) = list_keep(text);
		break;
	case OPTION_BOOL_:
	case OPTION_NUMBER_:
	case OPTION_SIZE_:
	case OPTION_PERIOD_:
	case OPTION_CHOICE_:
	case OPTION_END_:
		good = option_take(option, values, &text, 1, NULL, &why, &kind);
		break;
	default:
		must(!"a type of option");
	}
	if (!good)
		err_fail(err, kind, "%s", why.bytes);
	text_clear(&why);
	return good;
}
