/* SPDX-License-Identifier: MIT */
/*
 * Forms (XEP-0004), and what they are about (FORM_TYPE, XEP-0068).
 *
 * A form we ask for is declared once, as a table of fields: form_offer shows it,
 * form_check says whether a submission keeps to it.
 */
#pragma once

#include "base/err.h"
#include "xml/element.h"

enum field_type {
	FIELD_TEXT, /* text-single */
	FIELD_TEXT_MULTI,
	FIELD_PRIVATE,
	FIELD_BOOLEAN,
	FIELD_LIST, /* list-single */
	FIELD_LIST_MULTI,
	FIELD_JID, /* jid-single */
	FIELD_JID_MULTI,
	FIELD_HIDDEN,
	FIELD_FIXED,
};

enum field_data { /* what the text of a field must be */
		  DATA_ANY,
		  DATA_NUMBER, /* a whole number, from `min` to `max` unless both are 0 */
		  DATA_TIME,   /* a DateTime of XEP-0082 */
};

struct form_option {
	const char *value, *label; /* label may be NULL; value NULL ends the list */
};

struct form_field {
	const char *var; /* NULL for some FIELD_FIXED */
	enum field_type type;
	const char *label; /* NULL: none */
	const char *value; /* shown as default; NULL: none */
	bool required;
	const struct form_option *options; /* of lists */
	enum field_data data;
	int64_t min, max;
	size_t bytes; /* a value may have; 0: any number */
};

/* --- making --- */

/* `type`: "form", "submit", "result", "cancel".  `form_type` becomes a hidden field;
 * NULL: none. */
PUBLIC struct element *form_new(struct arena *arena, const char *type, const char *form_type);
/* Adds a field; NULL for what it does not have.  A "submit" or "result" needs `var` and
 * `value` only. */
PUBLIC struct element *form_add(struct arena *arena, struct element *form, const char *var,
				const char *type, const char *label, const char *value);
/* Adds a field as it is declared; `value` NULL: the declared default. */
PUBLIC struct element *form_add_field(struct arena *arena, struct element *form,
				      const struct form_field *field, const char *value);
PUBLIC void form_add_value(struct arena *arena, struct element *field, const char *value);
/* Adds all fields of a table, with their defaults. */
PUBLIC void form_offer(struct arena *arena, struct element *form, const struct form_field *fields,
		       size_t count);

/* --- reading --- */

/* The first form below `parent`; NULL when there is none. */
PUBLIC struct element *form_find(const struct element *parent);
/* Whether the form is a "submit" and so on; without 'type' it is none of them. */
PUBLIC bool form_is(const struct element *form, const char *type);
/* What the form is about; NULL: it does not say. */
PUBLIC const char *form_type(struct arena *arena, const struct element *form);
PUBLIC struct element *form_field(const struct element *form, const char *var);
/* The first value; "" when the field has none, NULL when there is no such field. */
PUBLIC const char *form_get(struct arena *arena, const struct element *form, const char *var);
/* All values, ended by NULL; NULL when there is no such field. */
PUBLIC const char *const *form_values(struct arena *arena, const struct element *form,
				      const char *var);
/* False, `*value` unchanged, when the field is not there or is not what it should be. */
PUBLIC bool form_get_bool(bool *value, const struct element *form, const char *var);
PUBLIC bool form_get_number(int64_t *value, const struct element *form, const char *var);

enum form_check_flags {
	FORM_STRICT = 1,  /* unknown fields are refused, and not passed over */
	FORM_PARTIAL = 2, /* required fields may be missing: they stay as they are (§3.5) */
};

/* Whether `form` is a submission that keeps to the table.  `form_type` NULL: about anything;
 * a submission that does not say what it is about passes.  False with the reason:
 * ERR_SYNTAX, ERR_LIMIT (a value is wrong: not-acceptable), ERR_ABSENT (a required field is
 * missing: not-acceptable), ERR_REFUSED (another form, an unknown field: bad-request). */
PUBLIC bool form_check(struct arena *arena, const struct element *form, const char *form_type,
		       const struct form_field *fields, size_t count, unsigned flags,
		       struct err *err);
