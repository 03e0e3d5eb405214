/* SPDX-License-Identifier: MIT */
/*
 * A configuration written out again: the sample file, the values in force, what changed.
 *
 * The sample names every option: "# words" explains, "#name = value" is an option that may
 * be switched on by taking the "#" away.
 */
#include "conf/conf.h"

#include "base/table.h"
#include "conf/internal.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLE_COLUMNS = 78 };

/* --- the sample --- */

struct sample {
	struct text *out;
	const struct conf_given *given;
	size_t count;
	const char *lead; /* "#" while a whole section is switched off */
	int depth;
};

static void
begin_line(struct sample *sample)
{
	text_add(sample->out, sample->lead);
	for (int i = 0; i < sample->depth; i++)
		text_add_char(sample->out, '\t');
}

static size_t
column_after_lead(const struct sample *sample)
{
	size_t lead = strlen(sample->lead);

	return sample->depth > 0 ? (lead / 8 + (size_t)sample->depth) * 8 : lead;
}

/* Words as a comment, wrapped. */
static void
add_comment(struct sample *sample, const char *words)
{
	size_t column = 0;

	while (words += strspn(words, " \n"), *words != '\0') {
		size_t length = strcspn(words, " \n");

		if (column > 0 && column + 1 + length <= SAMPLE_COLUMNS) {
			text_add_char(sample->out, ' ');
			column += 1;
		} else {
			if (column > 0)
				text_add_char(sample->out, '\n');
			begin_line(sample);
			text_add(sample->out, "# ");
			column = column_after_lead(sample) + 2;
		}
		text_add_bytes(sample->out, words, length);
		column += length;
		words += length;
	}
	if (column > 0)
		text_add_char(sample->out, '\n');
}

static const struct conf_given *
given_find(const struct sample *sample, const char *path, const char *name)
{
	size_t length = strlen(path);

	for (size_t i = 0; i < sample->count; i++) {
		const struct conf_given *given = &sample->given[i];

		if (strncmp(given->path, path, length) == 0 &&
		    strcmp(given->path + length, name) == 0 && given->value != NULL)
			return given;
	}
	return NULL;
}

static void
sample_option(struct sample *sample, const struct option *option, const char *path)
{
	const struct conf_given *given = given_find(sample, path, option->name);
	struct text words = { 0 }, fallback = { 0 };

	option_add_fallback(&fallback, option);
	text_addf(&words, "%s (", option->help != NULL ? option->help : option->name);
	option_add_type(&words, option);
	if (option->example != NULL && fallback.length > 0) {
		text_add(&words, "; for example ");
		option_add_example(&words, option);
	}
	if (given != NULL && fallback.length > 0)
		text_addf(&words, "; if not given: %s", fallback.bytes);
	text_add(&words, option->restart ? "; a change takes effect after a restart)" : ")");
	add_comment(sample, words.bytes);

	begin_line(sample);
	if (given != NULL) {
		text_addf(sample->out, "%s = %s", option->name, given->value);
	} else if (fallback.length > 0) {
		text_addf(sample->out, "#%s = %s", option->name, fallback.bytes);
	} else {
		text_add_char(sample->out, '#');
		option_add_example(sample->out, option);
	}
	text_add_char(sample->out, '\n');
	text_clear(&words);
	text_clear(&fallback);
}

/* Whether `path` ("archive.keep") leads from this section to an option or a section. */
static bool
path_fits(const struct section *kind, const char *path)
{
	if (option_find(kind->options, path) != NULL)
		return true;
	for (size_t i = 0; kind->sections != NULL && kind->sections[i] != NULL; i++) {
		const struct section *below = kind->sections[i];
		size_t length = strlen(below->name);

		if (strncmp(path, below->name, length) != 0)
			continue;
		if (path[length] == '\0' || path[length] == ':')
			return true;
		if (path[length] == '.' && path_fits(below, path + length + 1))
			return true;
	}
	return false;
}

/* How long the title at the begin of "example.org.certificate" is: titles have dots. */
static size_t
title_length(const struct section *kind, const char *rest)
{
	for (const char *dot = strchr(rest, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
		if (path_fits(kind, dot + 1))
			return (size_t)(dot - rest);
	return strlen(rest);
}

static void sample_inside(struct sample *sample, const struct section *kind, const char *path);

static void
sample_section(struct sample *sample, const struct section *kind, const char *path,
	       const char *title)
{
	begin_line(sample);
	text_add(sample->out, kind->name);
	if (kind->titled) {
		text_add_char(sample->out, ' ');
		add_quoted(sample->out, title);
	}
	text_add(sample->out, " {\n");
	sample->depth++;
	sample_inside(sample, kind, path);
	sample->depth--;
	begin_line(sample);
	text_add(sample->out, "}\n");
}

/* The sections of one kind: as many as are given, or one that is switched off unless it is
 * there anyway. */
static void
sample_sections(struct sample *sample, const struct section *kind, const char *path)
{
	char *prefix = format_text("%s%s%c", path, kind->name, kind->titled ? ':' : '.');
	char *only = format_text("%s%s", path, kind->name);
	const char *lead = sample->lead;
	size_t length = strlen(prefix);
	struct table done = { 0 };
	bool there = !kind->titled && !kind->many;

	for (size_t i = 0; i < sample->count; i++) {
		const char *given = sample->given[i].path;

		if (strncmp(given, prefix, length) != 0) {
			there |= !kind->titled && strcmp(given, only) == 0;
			continue;
		}
		if (kind->titled) {
			size_t title_size = title_length(kind, given + length);
			struct entry *entry = zalloc(sizeof *entry);
			char *title = copy_bytes(given + length, title_size);
			char *inner = format_text("%s%s.", prefix, title);

			if (table_get(&done, title) == NULL) {
				if (there)
					text_add_char(sample->out, '\n');
				table_put(&done, entry, title);
				sample_section(sample, kind, inner, title);
			} else {
				free(entry);
				free(title);
			}
			free(inner);
		}
		there = true;
	}
	if (!kind->titled && there) {
		sample_section(sample, kind, prefix, NULL);
	} else if (!there) {
		if (lead[0] == '\0')
			sample->lead = "#";
		sample_section(sample, kind, prefix, "NAME");
		sample->lead = lead;
	}
	for (struct entry *entry = table_next(&done, NULL), *next; entry != NULL; entry = next) {
		next = table_next(&done, entry);
		table_remove(&done, entry);
		free((char *)entry->key);
		free(entry);
	}
	table_clear(&done);
	free(prefix);
	free(only);
}

static void
sample_inside(struct sample *sample, const struct section *kind, const char *path)
{
	bool first = true;

	for (const struct option *option = kind->options;
	     option != NULL && option->type != OPTION_END_; option++) {
		if (!first)
			text_addf(sample->out, "%s\n", sample->lead);
		sample_option(sample, option, path);
		first = false;
	}
	for (size_t i = 0; kind->sections != NULL && kind->sections[i] != NULL; i++) {
		if (!first)
			text_addf(sample->out, "%s\n", sample->lead);
		if (kind->sections[i]->help != NULL)
			add_comment(sample, kind->sections[i]->help);
		sample_sections(sample, kind->sections[i], path);
		first = false;
	}
}

void
conf_sample(struct text *out, const struct section *root, const struct conf_given *given,
	    size_t count)
{
	struct sample sample = { .out = out, .given = given, .count = count, .lead = "" };

	if (root->help != NULL) {
		add_comment(&sample, root->help);
		text_add_char(out, '\n');
	}
	sample_inside(&sample, root, "");
}

/* --- what is in force --- */

static void
add_tabs(struct text *out, int depth)
{
	while (depth-- > 0)
		text_add_char(out, '\t');
}

static void
show_section(struct text *out, const struct conf_section *section, int depth)
{
	for (const struct option *option = section->kind->options;
	     option != NULL && option->type != OPTION_END_; option++) {
		struct text value = { 0 };

		option_write(&value, option, section->values);
		add_tabs(out, depth);
		if (value.length == 0)
			text_addf(out, "# %s is not set\n", option->name);
		else if (option_is_secret(option))
			text_addf(out, "# %s is set, and not shown\n", option->name);
		else
			text_addf(out, "%s = %s\n", option->name, value.bytes);
		text_clear(&value);
	}
	for (const struct conf_section *s = section->first; s != NULL; s = s->next) {
		add_tabs(out, depth);
		text_add(out, s->kind->name);
		if (s->title != NULL) {
			text_add_char(out, ' ');
			add_quoted(out, s->title);
		}
		text_add(out, " {\n");
		show_section(out, s, depth + 1);
		add_tabs(out, depth);
		text_add(out, "}\n");
	}
}

void
conf_show(struct text *out, const struct conf *conf)
{
	show_section(out, conf_root(conf), 0);
}

/* --- what changed --- */

struct change {
	struct text *changed, *restart;
};

static void
add_value(struct text *line, const struct option *option, const void *values)
{
	size_t before = line->length;

	option_write(line, option, values);
	if (line->length == before)
		text_add(line, "(not set)");
}

static void
compare_values(struct change *change, const char *path, const struct conf_section *before,
	       const struct conf_section *after)
{
	for (const struct option *option = after->kind->options;
	     option != NULL && option->type != OPTION_END_; option++) {
		struct text *out = option->restart ? change->restart : change->changed;

		if (option_same(option, before->values, after->values))
			continue;
		text_addf(out, "%s%s: ", path, option->name);
		if (option_is_secret(option)) {
			text_add(out, "another one");
		} else {
			add_value(out, option, before->values);
			text_add(out, " -> ");
			add_value(out, option, after->values);
		}
		text_add_char(out, '\n');
	}
}

/* The section that is the same one in the other configuration: by title, or by number. */
static const struct conf_section *
counterpart(const struct conf_section *section, const struct conf_section *parent,
	    const struct conf_section *other_parent)
{
	const struct conf_section *other = conf_find(other_parent, section->kind->name);

	if (section->kind->titled) {
		while (other != NULL && !text_is(other->title, section->title))
			other = conf_next(other);
		return other;
	}
	for (const struct conf_section *s = conf_find(parent, section->kind->name); s != section;
	     s = conf_next(s))
		other = other != NULL ? conf_next(other) : NULL;
	return other;
}

static bool
needs_restart(const struct section *kind)
{
	for (const struct option *option = kind->options;
	     option != NULL && option->type != OPTION_END_; option++)
		if (option->restart)
			return true;
	return false;
}

static char *
path_below(const char *path, const struct conf_section *section, const char *end)
{
	return section->title != NULL
		       ? format_text("%s%s:%s%s", path, section->kind->name, section->title, end)
		       : format_text("%s%s%s", path, section->kind->name, end);
}

static void
tell_section(struct change *change, const char *path, const struct conf_section *section,
	     const char *what)
{
	char *name = path_below(path, section, "");

	text_addf(needs_restart(section->kind) ? change->restart : change->changed, "%s: %s\n",
		  name, what);
	free(name);
}

static void
compare_sections(struct change *change, const char *path, const struct conf_section *before,
		 const struct conf_section *after)
{
	compare_values(change, path, before, after);
	for (const struct conf_section *s = after->first; s != NULL; s = s->next) {
		const struct conf_section *old = counterpart(s, after, before);

		if (old == NULL) {
			tell_section(change, path, s, "new");
		} else {
			char *inner = path_below(path, s, ".");

			compare_sections(change, inner, old, s);
			free(inner);
		}
	}
	for (const struct conf_section *s = before->first; s != NULL; s = s->next)
		if (counterpart(s, before, after) == NULL)
			tell_section(change, path, s, "gone");
}

void
conf_compare(const struct conf *before, const struct conf *after, struct text *changed,
	     struct text *restart)
{
	struct change change = { changed, restart };

	compare_sections(&change, "", conf_root(before), conf_root(after));
}
