/* SPDX-License-Identifier: MIT */
/* Forms (XEP-0004): making, reading, and checking against a declared table. */
#include "xmpp/form.h"
#include "base/text.h"
#include "xmpp/datetime.h"
#include "xmpp/jid.h"
#include "xmpp/ns.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	bool many; /* may have more than one value */
} types[] = {
	[FIELD_TEXT] = { "text-single", false },     [FIELD_TEXT_MULTI] = { "text-multi", true },
	[FIELD_PRIVATE] = { "text-private", false }, [FIELD_BOOLEAN] = { "boolean", false },
	[FIELD_LIST] = { "list-single", false },     [FIELD_LIST_MULTI] = { "list-multi", true },
	[FIELD_JID] = { "jid-single", false },       [FIELD_JID_MULTI] = { "jid-multi", true },
	[FIELD_HIDDEN] = { "hidden", true },         [FIELD_FIXED] = { "fixed", true },
};

/* --- making --- */

struct element *
form_new(struct arena *arena, const char *type, const char *form_type_)
{
	struct element *form = element_new(arena, NS_DATA, "x");

	element_set(arena, form, "type", type);
	if (form_type_ != NULL)
		form_add(arena, form, "FORM_TYPE", "hidden", NULL, form_type_);
	return form;
}

void
form_add_value(struct arena *arena, struct element *field, const char *value)
{
	element_add_text(arena, field, NS_DATA, "value", value);
}

struct element *
form_add(struct arena *arena, struct element *form, const char *var, const char *type,
	 const char *label, const char *value)
{
	struct element *field = element_add(arena, form, NS_DATA, "field");

	element_set(arena, field, "var", var);
	element_set(arena, field, "type", type);
	element_set(arena, field, "label", label);
	if (value != NULL)
		form_add_value(arena, field, value);
	return field;
}

struct element *
form_add_field(struct arena *arena, struct element *form, const struct form_field *declared,
	       const char *value)
{
	struct element *field = form_add(arena, form, declared->var, types[declared->type].name,
					 declared->label, value != NULL ? value : declared->value);
	const struct form_option *option = declared->options;

	if (declared->required)
		element_add(arena, field, NS_DATA, "required");
	for (; option != NULL && option->value != NULL; option++) {
		struct element *shown = element_add(arena, field, NS_DATA, "option");

		element_set(arena, shown, "label", option->label);
		form_add_value(arena, shown, option->value);
	}
	return field;
}

void
form_offer(struct arena *arena, struct element *form, const struct form_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		form_add_field(arena, form, &fields[i], NULL);
}

/* --- reading --- */

struct element *
form_find(const struct element *parent)
{
	return element_child(parent, NS_DATA, "x");
}

bool
form_is(const struct element *form, const char *type)
{
	return text_is(element_get(form, "type"), type);
}

struct element *
form_field(const struct element *form, const char *var)
{
	ELEMENT_EACH (form, child)
		if (element_is(child, NS_DATA, "field") && text_is(element_get(child, "var"), var))
			return child;
	return NULL;
}

const char *
form_get(struct arena *arena, const struct element *form, const char *var)
{
	const struct element *field = form_field(form, var);
	const char *value;

	if (field == NULL)
		return NULL;
	value = element_child_text(arena, field, NS_DATA, "value");
	return value != NULL ? value : "";
}

const char *
form_type(struct arena *arena, const struct element *form)
{
	return form_get(arena, form, "FORM_TYPE");
}

const char *const *
form_values(struct arena *arena, const struct element *form, const char *var)
{
	const struct element *field = form_field(form, var);
	const char **values;
	size_t count = 0;

	if (field == NULL)
		return NULL;
	ELEMENT_EACH (field, child)
		count++;
	values = arena_alloc(arena, (count + 1) * sizeof *values);
	count = 0;
	ELEMENT_EACH (field, child)
		if (element_is(child, NS_DATA, "value"))
			values[count++] = element_text(arena, child);
	return values;
}

static bool
read_bool(bool *value, const char *text)
{
	if (strcmp(text, "1") == 0 || strcmp(text, "true") == 0)
		*value = true;
	else if (strcmp(text, "0") == 0 || strcmp(text, "false") == 0)
		*value = false;
	else
		return false;
	return true;
}

static bool
read_number(int64_t *value, const char *text)
{
	const char *digits = *text == '-' || *text == '+' ? text + 1 : text;
	long long n;

	if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits))
		return false;
	errno = 0;
	n = strtoll(text, NULL, 10);
	if (errno != 0)
		return false;
	*value = n;
	return true;
}

/* The text of the first value when it is short enough to be a number or a truth. */
static bool
short_value(char text[32], const struct element *form, const char *var)
{
	const struct element *field = form_field(form, var), *value;
	size_t length = 0;

	value = field != NULL ? element_child(field, NS_DATA, "value") : NULL;
	if (value == NULL)
		return false;
	for (const struct element *node = value->first; node != NULL; node = node->next) {
		if (node->name != NULL)
			continue;
		if (node->text_length >= 32 - length)
			return false;
		memcpy(text + length, node->text, node->text_length);
		length += node->text_length;
	}
	text[length] = '\0';
	return true;
}

bool
form_get_bool(bool *value, const struct element *form, const char *var)
{
	char text[32];

	return short_value(text, form, var) && read_bool(value, text);
}

bool
form_get_number(int64_t *value, const struct element *form, const char *var)
{
	char text[32];

	return short_value(text, form, var) && read_number(value, text);
}

/* --- checking --- */

static const struct form_field *
declared_field(const struct form_field *fields, size_t count, const char *var)
{
	for (size_t i = 0; i < count; i++)
		if (text_is(fields[i].var, var))
			return &fields[i];
	return NULL;
}

static bool
is_option(const struct form_option *options, const char *value)
{
	if (options == NULL)
		return true; /* a list that anybody may add to */
	for (; options->value != NULL; options++)
		if (strcmp(options->value, value) == 0)
			return true;
	return false;
}

static bool
check_type(struct arena *arena, const struct form_field *field, const char *value, struct err *err)
{
	struct jid jid;
	bool truth;

	switch (field->type) {
	case FIELD_BOOLEAN:
		return read_bool(&truth, value) ||
		       err_fail(err, ERR_SYNTAX, "\"%s\" is neither true nor false", field->var);
	case FIELD_JID:
	case FIELD_JID_MULTI:
		return jid_parse(&jid, arena, value, err) ||
		       err_add(err, "\"%s\" is not an address", field->var);
	case FIELD_LIST:
	case FIELD_LIST_MULTI:
		return is_option(field->options, value) ||
		       err_fail(err, ERR_LIMIT, "\"%s\" is none of its options", field->var);
	case FIELD_TEXT:
	case FIELD_TEXT_MULTI:
	case FIELD_PRIVATE:
	case FIELD_HIDDEN:
	case FIELD_FIXED:
		return true;
	}
	return true;
}

static bool
check_data(const struct form_field *field, const char *value, struct err *err)
{
	int64_t number;

	switch (field->data) {
	case DATA_NUMBER:
		if (!read_number(&number, value))
			return err_fail(err, ERR_SYNTAX, "\"%s\" is not a number", field->var);
		if ((field->min != 0 || field->max != 0) &&
		    (number < field->min || number > field->max))
			return err_fail(err, ERR_LIMIT,
					"\"%s\" is not between %" PRId64 " and %" PRId64,
					field->var, field->min, field->max);
		return true;
	case DATA_TIME:
		return datetime_parse(&number, value) ||
		       err_fail(err, ERR_SYNTAX, "\"%s\" is not a time", field->var);
	case DATA_ANY:
		return true;
	}
	return true;
}

/* §3.6: an empty value stands for none, whatever the type. */
static bool
check_value(struct arena *arena, const struct form_field *field, const char *value, struct err *err)
{
	if (*value == '\0')
		return true;
	if (field->bytes > 0 && strlen(value) > field->bytes)
		return err_fail(err, ERR_LIMIT, "\"%s\" has more than %zu bytes", field->var,
				field->bytes);
	return check_type(arena, field, value, err) && check_data(field, value, err);
}

static bool
check_field(struct arena *arena, const struct form_field *declared, const struct element *field,
	    struct err *err)
{
	size_t count = 0;
	bool filled = false;

	ELEMENT_EACH (field, child) {
		const char *value;

		if (!element_is(child, NS_DATA, "value"))
			continue;
		value = element_text(arena, child);
		count++;
		filled |= *value != '\0';
		if (!check_value(arena, declared, value, err))
			return false;
	}
	if (count > 1 && !types[declared->type].many)
		return err_fail(err, ERR_SYNTAX, "\"%s\" has more than one value", declared->var);
	if (declared->required && !filled)
		return err_fail(err, ERR_ABSENT, "\"%s\" is required", declared->var);
	return true;
}

bool
form_check(struct arena *arena, const struct element *form, const char *form_type_,
	   const struct form_field *fields, size_t count, unsigned flags, struct err *err)
{
	const char *about = form_type(arena, form);
	bool *seen = arena_alloc(arena, count + 1);

	if (!form_is(form, "submit"))
		return err_fail(err, ERR_REFUSED, "the form is not a submission");
	if (form_type_ != NULL && about != NULL && strcmp(about, form_type_) != 0)
		return err_fail(err, ERR_REFUSED, "the form is about something else");
	ELEMENT_EACH (form, child) {
		const char *var = element_get(child, "var");
		const struct form_field *declared;

		if (!element_is(child, NS_DATA, "field") || var == NULL ||
		    strcmp(var, "FORM_TYPE") == 0)
			continue;
		declared = declared_field(fields, count, var);
		if (declared == NULL) {
			if ((flags & FORM_STRICT) != 0)
				return err_fail(err, ERR_REFUSED, "there is no field \"%s\"", var);
			continue;
		}
		if (seen[declared - fields])
			return err_fail(err, ERR_SYNTAX, "\"%s\" is there twice", var);
		seen[declared - fields] = true;
		if (!check_field(arena, declared, child, err))
			return false;
	}
	for (size_t i = 0; i < count && (flags & FORM_PARTIAL) == 0; i++)
		if (fields[i].required && !seen[i])
			return err_fail(err, ERR_ABSENT, "\"%s\" is required", fields[i].var);
	return true;
}
