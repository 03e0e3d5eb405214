/* SPDX-License-Identifier: MIT */
/*
 * A configuration: read by libconfuse, typed by us, packed into one block.
 *
 * libconfuse gets the text that conf_shape.c wrote down and tables made from the sections.
 * To it every option is a pointer: its callback keeps the value with the line it stood in,
 * and the types come afterwards, when all is read, so that a wrong value stops nothing.
 *
 * A configuration lives in a wire: immutable and counted for any thread already.  It is
 * built in an arena first, then measured and copied in one walk done twice.
 */
#include "conf/conf.h"

#include "base/wire.h"
#include "conf/internal.h"

#include <confuse.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct conf {
	struct conf_section *root;
};

struct said {     /* a value as libconfuse gave it to us */
	int line; /* of the written text */
	char text[];
};

/* What libconfuse objected to.  It has no place for a context of ours, and is not to be
 * used by two threads at once anyway. */
static struct {
	int line;
	char words[200];
} objection;

/* --- libconfuse's view --- */

static int
value_said(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	size_t size = strlen(value) + 1;
	struct said *said = zalloc(sizeof *said + size);

	(void)opt;
	said->line = cfg->line;
	memcpy(said->text, value, size);
	*(void **)result = said;
	return 0;
}

static void objected(cfg_t *cfg, const char *format, va_list args) PRINTF_LIKE(2, 0);

static void
objected(cfg_t *cfg, const char *format, va_list args)
{
	objection.line = cfg->line;
	vsnprintf(objection.words, sizeof objection.words, format, args);
}

/* To libconfuse all are lists, so that a wrong value is not forgotten for a later one. */
static cfg_opt_t
value_row(const char *name)
{
	return (cfg_opt_t) {
		.name = name,
		.type = CFGT_PTR,
		.flags = CFGF_NODEFAULT | CFGF_LIST,
		.parsecb = value_said,
		.freecb = free,
	};
}

/* The rows of a section: the beginning, its options, its sections. */
static cfg_opt_t *
rows_of(struct arena *arena, const struct section *kind)
{
	size_t options = option_count(kind->options), sections = 0, count = 0;
	cfg_opt_t *rows;

	while (kind->sections != NULL && kind->sections[sections] != NULL)
		sections++;
	rows = arena_alloc(arena, (options + sections + 2) * sizeof *rows);
	rows[count++] = value_row(BEGINNING);
	for (size_t i = 0; i < options; i++)
		rows[count++] = value_row(kind->options[i].name);
	for (size_t i = 0; i < sections; i++)
		rows[count++] = (cfg_opt_t) {
			.name = kind->sections[i]->name,
			.type = CFGT_SEC,
			.flags = CFGF_MULTI | CFGF_NODEFAULT |
				 (kind->sections[i]->titled ? CFGF_TITLE | CFGF_NO_TITLE_DUPES
							    : CFGF_NONE),
			.subopts = rows_of(arena, kind->sections[i]),
		};
	rows[count] = (cfg_opt_t)CFG_END();
	return rows;
}

/* --- from values to types --- */

static struct place
place_written(const struct reading *reading, int line)
{
	size_t index = line > 0 ? (size_t)line - 1 : 0;

	must(reading->line_count > 0);
	return reading->places[index < reading->line_count ? index : reading->line_count - 1];
}

static void
build_value(struct reading *reading, void *values, const struct option *option, int line,
	    const char *const *words, size_t count)
{
	struct text why = { 0 };
	enum err_kind kind;

	if (!option_take(option, values, words, count, reading->arena, &why, &kind))
		fault_add(reading, place_written(reading, line), "%s", why.bytes);
	text_clear(&why);
}

static void
build_option(struct reading *reading, void *values, const struct option *option,
	     const cfg_opt_t *row)
{
	const char **words = arena_alloc(reading->arena, (row->nvalues + 1) * sizeof *words);
	const struct said *said = NULL;

	option_take_fallback(option, values, reading->arena);
	if ((row->flags & CFGF_MODIFIED) == 0)
		return;
	for (unsigned i = 0; i < row->nvalues; i++) {
		said = row->values[i]->ptr;
		words[i] = said->text;
		if (option->type != OPTION_LIST_)
			build_value(reading, values, option, said->line, &words[i], 1);
	}
	if (option->type == OPTION_LIST_)
		build_value(reading, values, option, said != NULL ? said->line : 0, words,
			    row->nvalues);
}

static struct conf_section *
new_section(struct reading *reading, const struct section *kind, const char *file)
{
	struct conf_section *section = NEW(reading->arena, struct conf_section);

	section->kind = kind;
	section->file = file;
	section->values = arena_alloc(reading->arena, kind->size > 0 ? kind->size : 1);
	return section;
}

static struct conf_section *build_section(struct reading *reading, cfg_t *cfg,
					  const struct section *kind, const char *file);

static void
build_below(struct reading *reading, struct conf_section *parent, cfg_t *cfg, cfg_opt_t *row)
{
	struct conf_section **last = &parent->first;

	for (size_t i = 0; parent->kind->sections != NULL && parent->kind->sections[i] != NULL;
	     i++) {
		const struct section *kind = parent->kind->sections[i];
		unsigned count = cfg != NULL ? row[i].nvalues : 0;

		for (unsigned n = 0; n < count; n++) {
			*last = build_section(reading, cfg_opt_getnsec(&row[i], n), kind,
					      parent->file);
			last = &(*last)->next;
		}
		if (count == 0 && !kind->titled && !kind->many) {
			*last = build_section(reading, NULL, kind, parent->file);
			last = &(*last)->next;
		}
	}
}

/* A section with all below it; `cfg` NULL: it is not in the file. */
static struct conf_section *
build_section(struct reading *reading, cfg_t *cfg, const struct section *kind, const char *file)
{
	struct conf_section *section = new_section(reading, kind, file);
	cfg_opt_t *row = cfg != NULL ? cfg->opts : NULL;
	size_t count = option_count(kind->options);

	if (row != NULL && row->nvalues > 0) {
		const struct said *begin = row->values[0]->ptr;
		struct place place = place_written(reading, begin->line);

		section->file = place.source->path;
		section->line = place.line;
	}
	if (cfg != NULL && cfg->title != NULL)
		section->title = arena_copy(reading->arena, cfg->title);
	for (size_t i = 0; i < count; i++) {
		if (row != NULL)
			build_option(reading, section->values, &kind->options[i], row + 1 + i);
		else
			option_take_fallback(&kind->options[i], section->values, reading->arena);
	}
	build_below(reading, section, cfg, row != NULL ? row + 1 + count : NULL);
	return section;
}

static struct conf_section *
build_root(struct reading *reading, const struct source *source, const struct section *root)
{
	cfg_t *cfg = cfg_init(rows_of(reading->arena, root), CFGF_NONE);
	struct conf_section *section;

	must(cfg != NULL);
	cfg_set_error_function(cfg, objected);
	objection.words[0] = '\0';
	if (reading->line_count > 0 && cfg_parse_buf(cfg, reading->written.bytes) != CFG_SUCCESS)
		fault_add(reading, place_written(reading, objection.line), "it cannot be read: %s",
			  objection.words);
	section = build_section(reading, cfg, root, source->path);
	cfg_free(cfg);
	return section;
}

/* --- packing --- */

struct pack { /* `bytes` NULL: only measuring */
	char *bytes;
	size_t used;
};

static void *
pack_bytes(struct pack *pack, const void *from, size_t size)
{
	void *place = NULL;

	if (pack->bytes != NULL) {
		place = pack->bytes + pack->used;
		if (from != NULL)
			memcpy(place, from, size);
	}
	pack->used += (size + 7) / 8 * 8;
	return place;
}

static const char *
pack_text(struct pack *pack, const char *text)
{
	return text != NULL ? pack_bytes(pack, text, strlen(text) + 1) : NULL;
}

static const char *const *
pack_list(struct pack *pack, const char *const *words)
{
	const char **list;
	size_t count = 0;

	while (words[count] != NULL)
		count++;
	list = pack_bytes(pack, words, (count + 1) * sizeof *list);
	for (size_t i = 0; i < count; i++) {
		const char *word = pack_text(pack, words[i]);

		if (list != NULL)
			list[i] = word;
	}
	return list;
}

static void *
pack_values(struct pack *pack, const struct section *kind, const char *values)
{
	char *copy = pack_bytes(pack, values, kind->size > 0 ? kind->size : 1);

	for (const struct option *option = kind->options;
	     option != NULL && option->type != OPTION_END_; option++) {
		const void *field = values + option->offset;

		if (option->type == OPTION_TEXT_) {
			const char *text = pack_text(pack, *(const char *const *)field);

			if (copy != NULL)
				*(const char **)(void *)(copy + option->offset) = text;
		} else if (option->type == OPTION_LIST_) {
			const char *const *list =
				pack_list(pack, *(const char *const *const *)field);

			if (copy != NULL)
				*(const char *const **)(void *)(copy + option->offset) = list;
		}
	}
	return copy;
}

static struct conf_section *
pack_section(struct pack *pack, const struct conf_section *section)
{
	struct conf_section *copy = pack_bytes(pack, section, sizeof *section), **last;
	void *values = pack_values(pack, section->kind, section->values);
	const char *title = pack_text(pack, section->title);
	const char *file = pack_text(pack, section->file);

	if (copy != NULL) {
		copy->values = values;
		copy->title = title;
		copy->file = file;
		copy->first = copy->next = NULL;
	}
	last = copy != NULL ? &copy->first : NULL;
	for (const struct conf_section *below = section->first; below != NULL;
	     below = below->next) {
		struct conf_section *packed = pack_section(pack, below);

		if (last != NULL) {
			*last = packed;
			last = &packed->next;
		}
	}
	return copy;
}

static struct conf *
pack_root(const struct conf_section *root)
{
	struct pack measure = { 0 }, pack = { 0 };
	struct wire *wire;
	struct conf *conf;

	pack_bytes(&measure, NULL, sizeof *conf);
	pack_section(&measure, root);
	wire = wire_new(NULL, measure.used);
	memset(wire->bytes, 0, measure.used);
	pack.bytes = wire->bytes;
	conf = pack_bytes(&pack, NULL, sizeof *conf);
	conf->root = pack_section(&pack, root);
	must(pack.used == measure.used);
	return conf;
}

static struct wire *
wire_of(struct conf *conf)
{
	_Static_assert(offsetof(struct wire, bytes) % _Alignof(struct conf_section) == 0,
		       "a configuration is aligned in a wire");
	return CONTAINER((char *)conf, struct wire, bytes);
}

struct conf *
conf_hold(struct conf *conf)
{
	wire_hold(wire_of(conf));
	return conf;
}

void
conf_drop(struct conf *conf)
{
	if (conf != NULL)
		wire_drop(wire_of(conf));
}

/* --- reading --- */

static int
by_place(const void *a, const void *b)
{
	const struct fault *one = a, *other = b;

	if (one->place.source != other->place.source)
		return one->place.source->order < other->place.source->order ? -1 : 1;
	if (one->place.line != other->place.line)
		return one->place.line < other->place.line ? -1 : 1;
	return one->order < other->order ? -1 : one->order > other->order;
}

static void
tell_faults(struct text *faults, struct reading *reading)
{
	qsort(reading->faults, reading->fault_count, sizeof reading->faults[0], by_place);
	for (size_t i = 0; i < reading->fault_count; i++) {
		const struct fault *fault = &reading->faults[i];

		text_addf(faults, "%s:%d: %s\n", fault->place.source->path, fault->place.line,
			  fault->words);
	}
	if (reading->more_faults > 0)
		text_addf(faults, "and %zu more\n", reading->more_faults);
}

static struct conf *
read_bytes(struct reading *reading, const char *path, const char *bytes, size_t length,
	   const struct section *root, struct text *faults)
{
	struct source *source = NEW(reading->arena, struct source);
	struct conf_section *section;

	source->path = arena_copy(reading->arena, path);
	source->order = reading->sources++;
	shape_file(reading, source, bytes, length, root);
	section = build_root(reading, source, root);
	free(reading->places);
	text_clear(&reading->written);
	tell_faults(faults, reading);
	return reading->fault_count == 0 || reading->anyway ? pack_root(section) : NULL;
}

static struct conf *
read_or_look(const char *path, const char *bytes, size_t length, const struct section *root,
	     bool anyway, struct text *faults)
{
	struct arena *arena = arena_new();
	struct reading *reading = NEW(arena, struct reading);
	struct conf *conf = NULL;

	reading->arena = arena;
	reading->anyway = anyway;
	if (length > FILE_BYTES_MAX)
		text_addf(faults, "%s: it is longer than %d bytes\n", path, FILE_BYTES_MAX);
	else
		conf = read_bytes(reading, path, bytes, length, root, faults);
	arena_drop(arena);
	return conf;
}

struct conf *
conf_read_bytes(const char *path, const char *bytes, size_t length, const struct section *root,
		struct text *faults)
{
	return read_or_look(path, bytes, length, root, false, faults);
}

static struct conf *
read_file(const char *path, const struct section *root, bool anyway, struct text *faults)
{
	struct arena *arena = arena_new();
	struct conf *conf = NULL;
	struct err err;
	size_t length;
	char *bytes = source_load(arena, path, &length, &err);

	if (bytes == NULL)
		text_addf(faults, "%s: it cannot be read: %s\n", path, err.text);
	else
		conf = read_or_look(path, bytes, length, root, anyway, faults);
	arena_drop(arena);
	return conf;
}

struct conf *
conf_read(const char *path, const struct section *root, struct text *faults)
{
	return read_file(path, root, false, faults);
}

struct conf *
conf_look(const char *path, const struct section *root, struct text *faults)
{
	return read_file(path, root, true, faults);
}

/* --- asking --- */

const struct conf_section *
conf_root(const struct conf *conf)
{
	return conf->root;
}

const struct conf_section *
conf_find(const struct conf_section *parent, const char *name)
{
	for (const struct conf_section *s = parent->first; s != NULL; s = s->next)
		if (strcmp(s->kind->name, name) == 0)
			return s;
	return NULL;
}

const struct conf_section *
conf_next(const struct conf_section *section)
{
	const struct conf_section *next = section->next;

	return next != NULL && next->kind == section->kind ? next : NULL;
}

void
conf_complain(struct text *faults, const struct conf_section *where, const char *format, ...)
{
	struct text words = { 0 };
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	must(length >= 0);
	va_start(args, format);
	vsnprintf(text_reserve(&words, (size_t)length), (size_t)length + 1, format, args);
	va_end(args);

	if (where->file != NULL && where->line > 0)
		text_addf(faults, "%s:%d: ", where->file, where->line);
	else if (where->file != NULL)
		text_addf(faults, "%s: ", where->file);
	text_addf(faults, "%s\n", words.bytes);
	text_clear(&words);
}
