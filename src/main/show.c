/* SPDX-License-Identifier: MIT */
#include "main/show.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16
#define WIDTH_MAX   60 /* of a column that pads */

static size_t
width(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		if (((unsigned char)*text & 0xc0) != 0x80)
			count++;
	return count;
}

/* One line, without control characters (C0, DEL, C1). */
static void
add_plainly(struct text *out, const char *bytes)
{
	for (const unsigned char *p = (const unsigned char *)bytes; *p != '\0'; p++) {
		if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			text_add_char(out, '?'), p++;
		else
			text_add_char(out, *p < 0x20 || *p == 0x7f ? '?' : (char)*p);
	}
}

static void
add_value(struct text *out, const json_t *value)
{
	size_t i;
	json_t *item;

	switch (json_typeof(value)) {
	case JSON_STRING:
		add_plainly(out, json_string_value(value));
		break;
	case JSON_INTEGER:
		text_addf(out, "%lld", (long long)json_integer_value(value));
		break;
	case JSON_REAL:
		text_addf(out, "%g", json_real_value(value));
		break;
	case JSON_TRUE:
		text_add(out, "yes");
		break;
	case JSON_FALSE:
		text_add(out, "no");
		break;
	case JSON_NULL:
		text_add(out, "-");
		break;
	case JSON_ARRAY:
		json_array_foreach(value, i, item)
		{
			if (i > 0)
				text_add(out, ", ");
			add_value(out, item);
		}
		if (json_array_size(value) == 0)
			text_add(out, "-");
		break;
	case JSON_OBJECT: {
		char *line = json_dumps(value, JSON_COMPACT);

		text_add(out, line);
		free(line);
		break;
	}
	}
}

static bool
is_table(const json_t *value)
{
	return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

/* Statements are ours, and keep their lines; in strangers' words a line's end is a trick. */
static bool
is_statements(const char *name, const json_t *value)
{
	return text_is(name, "sql") && json_is_string(value);
}

/* What a cell of a table has no room for: lines, and what has an inside of its own. */
static bool
is_large(const char *name, const json_t *value)
{
	return is_statements(name, value) || json_object_size(value) > 0 || is_table(value);
}

static bool
has_large_cells(const json_t *rows)
{
	const char *name;
	size_t i;
	json_t *row, *value;

	json_array_foreach(rows, i, row)
		json_object_foreach(row, name, value) if (is_large(name, value)) return true;
	return false;
}

static void
pad(struct text *out, size_t from, size_t to)
{
	for (; from < to; from++)
		text_add_char(out, ' ');
}

/* What separates columns is there even behind a cell that is wider than its column. */
static void
gap(struct text *out, size_t wide, size_t column)
{
	pad(out, wide < column ? wide : column, column + 2);
}

static void show_object(struct text *out, const json_t *object, size_t indent);

static void
show_blocks(struct text *out, const json_t *rows, size_t indent)
{
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
	{
		if (i > 0)
			text_add_char(out, '\n');
		show_object(out, row, indent);
	}
}

static void
show_lines(struct text *out, const char *lines, size_t indent)
{
	while (*lines != '\0') {
		size_t length = strcspn(lines, "\n");
		char *line = copy_bytes(lines, length);

		if (length > 0)
			pad(out, 0, indent);
		for (char *tab = line; (tab = strchr(tab, '\t')) != NULL;)
			*tab = ' ';
		add_plainly(out, line);
		text_add_char(out, '\n');
		free(line);
		lines += length + (lines[length] == '\n');
	}
}

static void
show_table(struct text *out, const json_t *rows, size_t indent)
{
	const char *names[COLUMNS_MAX];
	size_t widths[COLUMNS_MAX], columns = 0, i;
	bool numbers[COLUMNS_MAX];
	const char *name;
	json_t *value, *row;

	if (has_large_cells(rows)) {
		show_blocks(out, rows, indent);
		return;
	}
	json_object_foreach(json_array_get(rows, 0), name, value) if (columns < COLUMNS_MAX)
	{
		numbers[columns] = json_is_integer(value);
		widths[columns] = width(name);
		names[columns++] = name;
	}
	json_array_foreach(rows, i, row) for (size_t c = 0; c < columns; c++)
	{
		struct text cell = { 0 };
		size_t wide;

		value = json_object_get(row, names[c]);
		if (value != NULL)
			add_value(&cell, value);
		if (value != NULL && !json_is_integer(value) && !json_is_null(value))
			numbers[c] = false;
		wide = cell.length > 0 ? width(cell.bytes) : 0;
		if (wide > widths[c])
			widths[c] = wide < WIDTH_MAX ? wide : WIDTH_MAX;
		text_clear(&cell);
	}

	pad(out, 0, indent);
	for (size_t c = 0; c < columns; c++) {
		if (numbers[c])
			pad(out, width(names[c]), widths[c]);
		for (const char *p = names[c]; *p != '\0'; p++)
			text_add_char(out, (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p));
		if (c + 1 < columns)
			gap(out, numbers[c] ? widths[c] : width(names[c]), widths[c]);
	}
	text_add_char(out, '\n');
	json_array_foreach(rows, i, row)
	{
		pad(out, 0, indent);
		for (size_t c = 0; c < columns; c++) {
			struct text cell = { 0 };
			size_t wide;

			value = json_object_get(row, names[c]);
			if (value != NULL)
				add_value(&cell, value);
			wide = cell.length > 0 ? width(cell.bytes) : 0;
			if (numbers[c])
				pad(out, wide, widths[c]);
			text_add(out, cell.length > 0 ? cell.bytes : "");
			if (c + 1 < columns)
				gap(out, numbers[c] ? widths[c] : wide, widths[c]);
			text_clear(&cell);
		}
		text_add_char(out, '\n');
	}
}

static void
show_object(struct text *out, const json_t *object, size_t indent)
{
	size_t widest = 0;
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name,
			    value) if (!is_large(name, value) && width(name) > widest) widest =
		width(name);
	json_object_foreach((json_t *)object, name, value)
	{
		pad(out, 0, indent);
		if (json_is_object(value) && json_object_size(value) > 0) {
			text_addf(out, "%s:\n", name);
			show_object(out, value, indent + 2);
		} else if (is_table(value)) {
			text_addf(out, "%s:\n", name);
			show_table(out, value, indent + 2);
		} else if (is_statements(name, value)) {
			text_addf(out, "%s:\n", name);
			show_lines(out, json_string_value(value), indent + 2);
		} else if (json_array_size(value) > 1 && json_is_string(json_array_get(value, 0))) {
			size_t i;
			json_t *item;

			text_addf(out, "%s:\n", name);
			json_array_foreach(value, i, item)
			{
				pad(out, 0, indent + 2);
				add_value(out, item);
				text_add_char(out, '\n');
			}
		} else {
			text_addf(out, "%s:", name);
			pad(out, width(name), widest + 1);
			if (json_is_object(value))
				text_add_char(out, '-');
			else
				add_value(out, value);
			text_add_char(out, '\n');
		}
	}
}

void
show_result(struct text *out, const json_t *result)
{
	const char *text = json_string_value(json_object_get(result, "text"));
	size_t i;
	json_t *item;

	if (text != NULL && json_object_size(result) == 1) { /* pages, scripts, files */
		text_add(out, text);
	} else if (is_table(result)) {
		show_table(out, result, 0);
	} else if (json_is_array(result)) {
		json_array_foreach(result, i, item)
		{
			add_value(out, item);
			text_add_char(out, '\n');
		}
		if (json_array_size(result) == 0)
			text_add(out, "(none)\n");
	} else if (json_is_object(result)) {
		show_object(out, result, 0);
	}
}
