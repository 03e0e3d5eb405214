/* SPDX-License-Identifier: MIT */
/*
 * The shape of a file: which words may stand where.
 *
 * One walk over the words with the tree of sections at hand.  A statement that is well
 * formed and known is written down anew, each token on a line of its own whose origin is
 * noted; libconfuse reads that.  For everything else there is a fault, and a guess what was
 * meant, so that what follows is still judged for itself:
 *
 *   - a misspelt section is judged as the nearest one;
 *   - a section without "{" is taken as open, for its "}" is likely to be there;
 *   - a name that belongs further up, and stands no further right than the section it is
 *     in, shows that a "}" is missing before it.
 */
#include "conf/internal.h"

#include <ctype.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

struct said { /* an option or a section of a frame that was there already */
	struct said *next;
	const char *name, *title;
	struct place place;
};

struct frame { /* a section that is open */
	struct frame *above;
	const struct section *kind;
	const char *title;
	struct place place;
	int column;
	bool file_begins; /* what is above is in the including file */
	struct said *said;
};

struct shape {
	struct reading *reading;
	const struct source *source;
	const struct word *words, *at;
};

struct found { /* a kind of section that knows a name */
	const struct section *kind;
	size_t count;
};

static void shape_body(struct shape *shape, struct frame *frame);
static void shape_source(struct reading *reading, const struct source *source, const char *bytes,
			 size_t length, struct frame *frame);

/* --- asking about words --- */

static struct place
place_of(const struct shape *shape, const struct word *word)
{
	return (struct place) { shape->source, word->line };
}

static bool
is_mark(const struct word *word, char mark)
{
	return word->kind == WORD_MARK && word->mark == mark;
}

static bool
is_text(const struct word *word)
{
	return word->kind == WORD_PLAIN || word->kind == WORD_QUOTED;
}

static bool
is_assignment(const struct word *word)
{
	return is_mark(word, '=') || word->kind == WORD_APPEND;
}

/* Whether "=" follows this word, in its line. */
static bool
is_assigned(const struct word *word)
{
	return word->kind != WORD_END && is_assignment(word + 1) && word[1].line == word->line;
}

/* Whether this plain word begins a statement, rather than going on with a phrase. */
static bool
begins_statement(const struct word *word)
{
	const struct word *next = word + 1;

	if (word->kind != WORD_PLAIN || next->kind == WORD_END)
		return false;
	return is_assigned(word) || is_mark(next, '{') || is_mark(next, '(') ||
	       (is_text(next) && next->line == word->line && is_mark(next + 1, '{'));
}

static const char *
word_copy(const struct shape *shape, const struct word *word)
{
	return arena_copy_bytes(shape->reading->arena, word->bytes, word->length);
}

/* What a title or a path says: libconfuse reads titles itself, this is to compare them. */
static const char *
word_plainly(const struct shape *shape, const struct word *word)
{
	char *text = arena_copy_bytes(shape->reading->arena, word->bytes, word->length), *to = text;
	char quote = text[0];

	if (word->kind != WORD_QUOTED)
		return text;
	for (const char *from = text + 1; *from != '\0' && *from != quote; from++) {
		if (*from == '\\' && from[1] != '\0' &&
		    (quote == '"' || from[1] == '\\' || from[1] == '\''))
			from++;
		*to++ = *from;
	}
	*to = '\0';
	return text;
}

/* How a word is quoted in a message. */
static const char *
word_shown(const struct shape *shape, const struct word *word)
{
	const char *text =
		word->kind == WORD_END ? "the end of the file" : word_plainly(shape, word);

	return arena_format(shape->reading->arena, word->kind == WORD_END ? "%s" : "\"%.60s\"",
			    text);
}

static const char *
frame_shown(const struct shape *shape, const struct frame *frame)
{
	if (frame->above == NULL)
		return "outside all sections";
	return frame->title == NULL
		       ? arena_format(shape->reading->arena, "in section \"%s\"", frame->kind->name)
		       : arena_format(shape->reading->arena, "in section \"%s\" \"%.60s\"",
				      frame->kind->name, frame->title);
}

/* "line 12", with the file when it is another one. */
static const char *
place_shown(const struct shape *shape, struct place place)
{
	if (place.source == shape->source || text_is(place.source->path, shape->source->path))
		return arena_format(shape->reading->arena, "line %d", place.line);
	return arena_format(shape->reading->arena, "%s:%d", place.source->path, place.line);
}

static const char *
option_shown(const struct shape *shape, const struct option *option)
{
	struct text text = { 0 };
	const char *copy;

	option_add_example(&text, option);
	copy = arena_copy(shape->reading->arena, text.bytes);
	text_clear(&text);
	return copy;
}

static const char *
section_shown(const struct shape *shape, const struct section *kind)
{
	return arena_format(shape->reading->arena, kind->titled ? "%s \"...\" { }" : "%s { }",
			    kind->name);
}

const struct section *
section_find(const struct section *kind, const char *name)
{
	for (size_t i = 0; kind->sections != NULL && kind->sections[i] != NULL; i++)
		if (strcmp(kind->sections[i]->name, name) == 0)
			return kind->sections[i];
	return NULL;
}

static size_t
section_count(const struct section *kind)
{
	size_t count = 0;

	while (kind->sections != NULL && kind->sections[count] != NULL)
		count++;
	return count;
}

/* The names that may stand in a section: options first, then sections, or one of both. */
static const char **
names_in(const struct shape *shape, const struct section *kind, bool options, bool sections)
{
	size_t option_n = options ? option_count(kind->options) : 0;
	size_t section_n = sections ? section_count(kind) : 0, count = 0;
	const char **names =
		arena_alloc(shape->reading->arena, (option_n + section_n + 1) * sizeof *names);

	for (size_t i = 0; i < option_n; i++)
		names[count++] = kind->options[i].name;
	for (size_t i = 0; i < section_n; i++)
		names[count++] = kind->sections[i]->name;
	return names;
}

/* Looks through the tree for sections in which `name` is at home. */
static void
find_home(struct found *found, const struct section *kind, const char *name, bool is_section)
{
	if (is_section ? section_find(kind, name) != NULL
		       : option_find(kind->options, name) != NULL) {
		found->kind = kind;
		found->count++;
	}
	for (size_t i = 0; kind->sections != NULL && kind->sections[i] != NULL; i++)
		find_home(found, kind->sections[i], name, is_section);
}

static const struct frame *
frame_root(const struct frame *frame)
{
	while (frame->above != NULL)
		frame = frame->above;
	return frame;
}

/* --- unknown names --- */

static void
add_names(struct text *hint, const char *const *names)
{
	text_add(hint, ": there may be ");
	for (size_t i = 0; names[i] != NULL; i++) {
		if (i == 15 && names[i + 1] != NULL) {
			text_add(hint, " and more");
			break;
		}
		text_addf(hint, "%s%s", i == 0 ? "" : ", ", names[i]);
	}
}

/* Says that a name is unknown, and what might have been meant. */
static void
unknown_name(struct shape *shape, const struct frame *frame, const struct word *word,
	     bool is_section)
{
	const char *name = word_plainly(shape, word);
	const struct section *kind = frame->kind;
	const char **names = names_in(shape, kind, !is_section, is_section);
	const char *near = text_nearest(name, names);
	struct text hint = { 0 };
	struct found found = { 0 };

	find_home(&found, frame_root(frame)->kind, name, is_section);
	if (found.count == 1 && found.kind == frame_root(frame)->kind) {
		text_addf(&hint, ": it belongs outside all sections");
	} else if (found.count == 1) {
		text_addf(&hint, ": it belongs in section \"%s\"", found.kind->name);
	} else if (near != NULL && is_section) {
		text_addf(&hint, ": did you mean \"%s\"?  example: %s", near,
			  section_shown(shape, section_find(kind, near)));
	} else if (near != NULL) {
		text_addf(&hint, ": did you mean \"%s\"?  example: %s", near,
			  option_shown(shape, option_find(kind->options, near)));
	} else if (!is_section && section_find(kind, name) != NULL) {
		text_addf(&hint, ": it is a section: %s",
			  section_shown(shape, section_find(kind, name)));
	} else if (is_section && option_find(kind->options, name) != NULL) {
		text_addf(&hint, ": it is an option: %s",
			  option_shown(shape, option_find(kind->options, name)));
	} else if (names[0] == NULL) {
		text_addf(&hint, ": there are no %s", is_section ? "sections in it" : "options");
	} else {
		add_names(&hint, names);
	}
	fault_add(shape->reading, place_of(shape, word), "unknown %s %s %s%s",
		  is_section ? "section" : "option", word_shown(shape, word),
		  frame_shown(shape, frame), hint.bytes);
	text_clear(&hint);
}

/* Whether `word`, unknown here, is known further up and so shows that "}" is missing. */
static bool
closes_frame(const struct frame *frame, const struct word *word, const char *name)
{
	if (word->column > frame->column)
		return false;
	while (!frame->file_begins && frame->above != NULL) {
		frame = frame->above;
		if (section_find(frame->kind, name) != NULL ||
		    option_find(frame->kind->options, name) != NULL)
			return true;
	}
	return false;
}

/* --- writing down --- */

static void
write_down(struct shape *shape, const struct word *word, const char *text)
{
	struct reading *reading = shape->reading;
	struct place place = place_of(shape, word);

	text_add(&reading->written, text);
	text_add_char(&reading->written, '\n');
	for (bool more = true; more; text++) {
		if (*text != '\n' && *text != '\0')
			continue;
		if (reading->line_count == reading->line_room) {
			reading->line_room = reading->line_room * 2 + 256;
			reading->places = resize(reading->places,
						 reading->line_room * sizeof *reading->places);
		}
		reading->places[reading->line_count++] = place;
		place.line++;
		more = *text != '\0';
	}
}

/* A phrase as one quoted word. */
static const char *
phrase(struct shape *shape, const struct word *first, const struct word *end)
{
	struct text plain = { 0 }, quoted = { 0 };
	const char *copy;

	if (first->kind == WORD_QUOTED)
		return word_copy(shape, first);
	for (const struct word *word = first; word < end; word++) {
		if (word > first)
			text_add_char(&plain, ' ');
		text_add_bytes(&plain, word->bytes, word->length);
	}
	add_quoted(&quoted, plain.bytes);
	copy = arena_copy(shape->reading->arena, quoted.bytes);
	text_clear(&plain);
	text_clear(&quoted);
	return copy;
}

/* --- passing over what cannot be used --- */

/* From a "{" to behind its "}". */
static void
skip_block(struct shape *shape, const struct word *name)
{
	size_t depth = 0;

	do {
		if (is_mark(shape->at, '{'))
			depth++;
		else if (is_mark(shape->at, '}'))
			depth--;
		else if (shape->at->kind == WORD_END) {
			fault_add(shape->reading, place_of(shape, name),
				  "the \"{\" after %s is not closed: a \"}\" is missing",
				  word_shown(shape, name));
			return;
		}
		shape->at++;
	} while (depth > 0);
}

/* What is left of a statement that went wrong in this line. */
static void
skip_rest(struct shape *shape, int line)
{
	while (shape->at->kind != WORD_END && shape->at->line == line && !is_mark(shape->at, '}') &&
	       !begins_statement(shape->at)) {
		if (is_mark(shape->at, '{')) {
			skip_block(shape, shape->at);
			return;
		}
		shape->at++;
	}
}

/* --- options --- */

static struct said *
said_before(const struct frame *frame, const char *name, const char *title)
{
	for (struct said *said = frame->said; said != NULL; said = said->next)
		if (strcmp(said->name, name) == 0 && text_is(said->title, title))
			return said;
	return NULL;
}

static void
say(struct shape *shape, struct frame *frame, const char *name, const char *title,
    const struct word *word)
{
	struct said *said = NEW(shape->reading->arena, struct said);

	*said = (struct said) { frame->said, name, title, place_of(shape, word) };
	frame->said = said;
}

/* Reads a phrase of one line: words, or one quoted text.  Moves on behind it. */
static const char *
take_phrase(struct shape *shape, bool in_list, bool *good)
{
	const struct word *first = shape->at, *word = first;

	*good &= !word->broken;
	if (first->kind == WORD_QUOTED) {
		shape->at++;
		return phrase(shape, first, shape->at);
	}
	for (word++; word->kind == WORD_PLAIN && word->line == first->line; word++) {
		if (in_list ? is_assigned(word) : begins_statement(word))
			break;
		*good &= !word->broken;
	}
	shape->at = word;
	return phrase(shape, first, word);
}

/* A list from its "{" to behind its "}", written down if it is `wanted`. */
static bool
take_list(struct shape *shape, const struct word *name, bool wanted)
{
	const struct word *open = shape->at++;
	bool good = true, separated = true;
	size_t count = 0;

	if (wanted)
		write_down(shape, open, "{");
	while (!is_mark(shape->at, '}')) {
		const struct word *word = shape->at;

		if (is_mark(word, ',')) {
			if (separated)
				fault_follow(shape->reading, place_of(shape, word),
					     "there is nothing before this \",\" in the list of %s",
					     word_shown(shape, name));
			good &= !separated;
			separated = true;
			shape->at++;
			continue;
		}
		if (!is_text(word) || is_assigned(word)) {
			fault_add(shape->reading, place_of(shape, open),
				  "the list of %s that begins here is not closed: a \"}\" is "
				  "missing "
				  "before %s",
				  word_shown(shape, name), word_shown(shape, word));
			return false;
		}
		if (!separated) {
			fault_follow(shape->reading, place_of(shape, word),
				     "a \",\" is missing before %s in the list of %s",
				     word_shown(shape, word), word_shown(shape, name));
			good = false;
		}
		if (wanted && count++ > 0)
			write_down(shape, word, ",");
		if (wanted)
			write_down(shape, word, take_phrase(shape, true, &good));
		else
			take_phrase(shape, true, &good);
		separated = false;
	}
	if (wanted)
		write_down(shape, shape->at, "}");
	shape->at++;
	return good;
}

static void
no_value(struct shape *shape, const struct option *option, const struct word *name)
{
	if (option != NULL)
		fault_follow(shape->reading, place_of(shape, name),
			     "\"%s\" has no value; example: %s", option->name,
			     option_shown(shape, option));
	else
		fault_follow(shape->reading, place_of(shape, name), "%s has no value",
			     word_shown(shape, name));
}

/* The value of an option, or of one that we do not know (NULL): false when it cannot be
 * used, and then there was a fault unless the option is unknown anyway. */
static bool
take_value(struct shape *shape, const struct option *option, const struct word *name)
{
	const struct word *first = shape->at;
	bool good = true;

	if (is_mark(first, '{') && option != NULL && option->type == OPTION_LIST_)
		return take_list(shape, name, true);
	if (is_mark(first, '{')) {
		if (option != NULL)
			fault_add(shape->reading, place_of(shape, first),
				  "\"%s\" takes one value, not a list; example: %s", option->name,
				  option_shown(shape, option));
		take_list(shape, name, false);
		return false;
	}
	if (!is_text(first) || is_assigned(first) ||
	    (first->line != name->line && first->kind != WORD_QUOTED)) {
		no_value(shape, option, name);
		return false;
	}
	write_down(shape, first, take_phrase(shape, false, &good));
	if (option != NULL && option->type == OPTION_LIST_ && shape->at > first + 1) {
		fault_add(shape->reading, place_of(shape, first),
			  "a list of several stands in braces, with commas: %s = { \"a\", \"b\" }",
			  option->name);
		good = false;
	}
	if (is_mark(shape->at, ',') && shape->at->line == first->line) {
		if (option != NULL)
			fault_add(shape->reading, place_of(shape, first),
				  option->type == OPTION_LIST_ ? "a list of several stands in "
								 "braces: %s = { \"a\", \"b\" }"
							       : "\"%s\" takes one value",
				  option->name);
		skip_rest(shape, first->line);
		good = false;
	} else if (shape->at->kind == WORD_QUOTED && shape->at->line == first->line) {
		if (option != NULL)
			fault_add(shape->reading, place_of(shape, first),
				  "\"%s\" takes one value; a text of several words has its quotes "
				  "around all of them",
				  option->name);
		skip_rest(shape, first->line);
		good = false;
	}
	return good;
}

static void
shape_option(struct shape *shape, struct frame *frame)
{
	const struct word *word = shape->at;
	const char *name = word_plainly(shape, word);
	const struct option *option = option_find(frame->kind->options, name);
	struct reading *reading = shape->reading;
	size_t length = reading->written.length, lines = reading->line_count;
	struct said *before;
	bool good = option != NULL;

	if (option == NULL)
		unknown_name(shape, frame, word, false);
	shape->at++;
	if (option != NULL && shape->at->kind == WORD_APPEND) {
		fault_add(reading, place_of(shape, word), "\"+=\" is not known here; say %s",
			  option_shown(shape, option));
		good = false;
	}
	if (option != NULL) {
		write_down(shape, word, option->name);
		write_down(shape, shape->at, "+=");
	}
	shape->at++;
	good &= take_value(shape, option, word);

	before = option != NULL ? said_before(frame, name, NULL) : NULL;
	if (before != NULL) {
		fault_add(reading, place_of(shape, word),
			  "option \"%s\" is said twice %s: here and in %s", name,
			  frame_shown(shape, frame), place_shown(shape, before->place));
	} else if (option != NULL) {
		say(shape, frame, name, NULL, word);
	}
	if (!good) { /* take back what was written down of it */
		reading->written.length = length;
		if (reading->written.bytes != NULL)
			reading->written.bytes[length] = '\0';
		reading->line_count = lines;
	}
}

/* --- sections --- */

/* Whether a title is what it looks like: nothing that is said by a letter after "\\". */
static bool
is_plain_title(const struct word *word)
{
	for (size_t i = 0; i < word->length; i++) {
		if ((unsigned char)word->bytes[i] < ' ')
			return false;
		if (word->bytes[i] == '\\' && word->bytes[0] == '"') {
			i++;
			if (i < word->length && (isalnum((unsigned char)word->bytes[i]) ||
						 (unsigned char)word->bytes[i] < ' '))
				return false;
		}
	}
	return true;
}

/* Takes a section's title if it has one, and says so if it ought to have or not to have. */
static const char *
take_title(struct shape *shape, const struct section *kind, const struct word *name)
{
	const struct word *word = shape->at;
	const char *title;

	if (!is_text(word) || word->line != name->line) {
		if (kind->titled)
			fault_add(shape->reading, place_of(shape, name),
				  "section \"%s\" needs a title: %s", kind->name,
				  section_shown(shape, kind));
		return NULL;
	}
	shape->at++;
	title = word_plainly(shape, word);
	if (kind->titled && !word->broken && title[0] == '\0')
		fault_add(shape->reading, place_of(shape, word),
			  "the title of section \"%s\" is empty", kind->name);
	else if (kind->titled && !is_plain_title(word))
		fault_add(shape->reading, place_of(shape, word),
			  "the title of section \"%s\" has a tab or a line's end in it",
			  kind->name);
	if (!kind->titled)
		fault_add(shape->reading, place_of(shape, word), "section \"%s\" has no title: %s",
			  kind->name, section_shown(shape, kind));
	return word->broken ? "?" : title;
}

/* Whether a section of that kind, or of that title, may be said once only and is there. */
static bool
is_double(struct shape *shape, struct frame *frame, const struct section *kind, const char *title,
	  const struct word *word)
{
	const char *key = kind->titled ? title : NULL;
	struct said *before;

	if (kind->titled && title == NULL)
		return false;
	before = kind->titled && !kind->many ? NULL : said_before(frame, kind->name, key);
	if (kind->titled && !kind->many) /* one only, whatever its title */
		for (struct said *said = frame->said; said != NULL; said = said->next)
			if (strcmp(said->name, kind->name) == 0)
				before = said;
	if (before != NULL && kind->titled && kind->many)
		fault_add(shape->reading, place_of(shape, word),
			  "section \"%s\" \"%.60s\" is there twice: here and in %s", kind->name,
			  title, place_shown(shape, before->place));
	else if (before != NULL && !kind->many)
		fault_add(shape->reading, place_of(shape, word),
			  "section \"%s\" is there twice, and may be there once: here and in %s",
			  kind->name, place_shown(shape, before->place));
	if (before == NULL)
		say(shape, frame, kind->name, key, word);
	return before != NULL && !(kind->many && !kind->titled);
}

static void
shape_section(struct shape *shape, struct frame *frame, const struct section *kind, bool guessed)
{
	const struct word *word = shape->at++, *title_word = shape->at;
	struct frame inner = {
		.above = frame, .kind = kind, .place = place_of(shape, word), .column = word->column
	};
	bool own_title;

	inner.title = take_title(shape, kind, word);
	own_title = inner.title != NULL && !title_word->broken && !guessed &&
		    !is_double(shape, frame, kind, inner.title, word);
	if (inner.title == NULL && !guessed)
		is_double(shape, frame, kind, NULL, word);
	if (is_mark(shape->at, '{'))
		shape->at++;
	else
		fault_add(shape->reading, place_of(shape, word), "section \"%s\" needs a \"{\": %s",
			  kind->name, section_shown(shape, kind));

	write_down(shape, word, kind->name);
	if (kind->titled) /* libconfuse refuses the same title twice, and would stop */
		write_down(shape, word,
			   own_title ? phrase(shape, title_word, title_word + 1)
				     : arena_format(shape->reading->arena, "\"?%zu\"",
						    shape->reading->line_count));
	write_down(shape, word, "{");
	write_down(shape, word, "\"" BEGINNING "\"");
	write_down(shape, word, "+=");
	write_down(shape, word, "here");
	shape_body(shape, &inner);
	write_down(shape, shape->at > shape->words ? shape->at - 1 : shape->at, "}");
}

static void
shape_unknown_section(struct shape *shape, struct frame *frame)
{
	const struct word *word = shape->at;
	const char **names = names_in(shape, frame->kind, false, true);
	const char *near = text_nearest(word_plainly(shape, word), names);

	unknown_name(shape, frame, word, true);
	if (near != NULL) {
		shape_section(shape, frame, section_find(frame->kind, near), true);
		return;
	}
	while (!is_mark(shape->at, '{'))
		shape->at++;
	skip_block(shape, word);
}

/* --- including --- */

static bool
is_being_read(const struct source *source, const char *path)
{
	for (; source != NULL; source = source->includer)
		if (strcmp(source->path, path) == 0)
			return true;
	return false;
}

static void
include_file(struct shape *shape, struct frame *frame, const struct word *word, const char *path)
{
	struct reading *reading = shape->reading;
	struct source *source;
	struct err err;
	size_t length;
	char *bytes;

	if (is_being_read(shape->source, path)) {
		fault_add(reading, place_of(shape, word), "\"%s\" would include itself for ever",
			  path);
		return;
	}
	if (reading->sources > INCLUDES_MAX) {
		fault_follow(reading, place_of(shape, word), "more than %d files are included",
			     INCLUDES_MAX);
		return;
	}
	bytes = source_load(reading->arena, path, &length, &err);
	if (bytes == NULL) {
		fault_add(reading, place_of(shape, word), "cannot include \"%s\": %s", path,
			  err.text);
		return;
	}
	source = NEW(reading->arena, struct source);
	source->path = arena_copy(reading->arena, path);
	source->order = reading->sources++;
	source->depth = shape->source->depth + 1;
	source->includer = shape->source;
	shape_source(reading, source, bytes, length, frame);
}

/* `name` as seen from the including file; with "*", every file that fits, in order. */
static void
include_files(struct shape *shape, struct frame *frame, const struct word *word, const char *name)
{
	const char *slash = strrchr(shape->source->path, '/'), *path = name;
	glob_t found;

	if (shape->source->depth >= INCLUDES_DEEP_MAX) {
		fault_add(shape->reading, place_of(shape, word),
			  "files include one another more than %d deep: \"%s\" is not read",
			  INCLUDES_DEEP_MAX, name);
		return;
	}
	if (name[0] != '/' && slash != NULL)
		path = arena_format(shape->reading->arena, "%.*s/%s",
				    (int)(slash - shape->source->path), shape->source->path, name);
	if (strpbrk(name, "*?[") == NULL) {
		include_file(shape, frame, word, path);
	} else if (glob(path, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			include_file(shape, frame, word, found.gl_pathv[i]);
		globfree(&found);
	}
}

static void
shape_include(struct shape *shape, struct frame *frame)
{
	const struct word *word = shape->at++, *name;
	const char *path;

	if (is_mark(shape->at, '(') && is_text(shape->at + 1) && is_mark(shape->at + 2, ')')) {
		name = shape->at + 1;
		path = word_plainly(shape, name);
		shape->at += 3;
		if (path[0] == '\0')
			fault_follow(shape->reading, place_of(shape, name),
				     "include needs the name of a file: include(\"more.conf\")");
		else if (!name->broken)
			include_files(shape, frame, word, path);
		return;
	}
	fault_add(shape->reading, place_of(shape, word),
		  "a file is included like this: include(\"more.conf\")");
	skip_rest(shape, word->line);
}

/* --- statements --- */

/* A word that neither "=" nor "{" follows. */
static void
shape_lonely(struct shape *shape, struct frame *frame)
{
	const struct word *word = shape->at;
	const char *name = word_plainly(shape, word);
	const struct option *option = option_find(frame->kind->options, name);
	const char *near;

	if (option != NULL) {
		fault_follow(shape->reading, place_of(shape, word), "\"%s\" needs a \"=\": %s",
			     name, option_shown(shape, option));
	} else {
		near = text_nearest(name, names_in(shape, frame->kind, true, true));
		if (near != NULL && (option = option_find(frame->kind->options, near)) != NULL)
			fault_follow(shape->reading, place_of(shape, word),
				     "%s is no statement: did you mean \"%s\"?  example: %s",
				     word_shown(shape, word), near, option_shown(shape, option));
		else if (near != NULL)
			fault_follow(shape->reading, place_of(shape, word),
				     "%s is no statement: did you mean \"%s\"?  example: %s",
				     word_shown(shape, word), near,
				     section_shown(shape, section_find(frame->kind, near)));
		else
			fault_follow(shape->reading, place_of(shape, word),
				     "%s is no statement: an option is said as  name = value, a "
				     "section as  name { }",
				     word_shown(shape, word));
	}
	shape->at++;
	skip_rest(shape, word->line);
}

/* A statement from its first word; false when the word shows that the frame is to end. */
static bool
shape_statement(struct shape *shape, struct frame *frame)
{
	const struct word *word = shape->at, *next = word + 1;
	const char *name = word_plainly(shape, word);
	const struct section *kind = section_find(frame->kind, name);
	bool known = kind != NULL || option_find(frame->kind->options, name) != NULL;
	bool is_block = is_mark(next, '{') ||
			(is_text(next) && next->line == word->line && is_mark(next + 1, '{'));

	if (!known && closes_frame(frame, word, name)) {
		fault_add(shape->reading, frame->place,
			  "section \"%s\" that begins here is not closed: a \"}\" is missing "
			  "before "
			  "%s in %s",
			  frame->kind->name, word_shown(shape, word),
			  place_shown(shape, place_of(shape, word)));
		return false;
	}
	if (strcmp(name, "include") == 0 && !known)
		shape_include(shape, frame);
	else if (is_assignment(next))
		shape_option(shape, frame);
	else if (is_block && kind != NULL)
		shape_section(shape, frame, kind, false);
	else if (is_block)
		shape_unknown_section(shape, frame);
	else if (kind != NULL && !is_mark(next, '('))
		shape_section(shape, frame, kind, false);
	else
		shape_lonely(shape, frame);
	return true;
}

static void
shape_body(struct shape *shape, struct frame *frame)
{
	for (;;) {
		const struct word *word = shape->at;

		if (word->kind == WORD_END) {
			if (!frame->file_begins)
				fault_add(shape->reading, frame->place,
					  "section \"%s\" that begins here is not closed: a \"}\" "
					  "is "
					  "missing",
					  frame->kind->name);
			return;
		}
		if (is_mark(word, '}')) {
			shape->at++;
			if (!frame->file_begins)
				return;
			fault_add(shape->reading, place_of(shape, word),
				  "this \"}\" closes nothing: it is one too many, or a \"{\" is "
				  "missing before it");
		} else if (word->kind == WORD_PLAIN) {
			if (!shape_statement(shape, frame))
				return;
		} else if (is_mark(word, '{')) {
			fault_add(shape->reading, place_of(shape, word),
				  "this \"{\" belongs to nothing: a section has its name before "
				  "it");
			skip_block(shape, word);
		} else if (is_mark(word, ';')) {
			fault_follow(shape->reading, place_of(shape, word),
				     "no \";\" is needed at the end of a line");
			shape->at++;
		} else {
			fault_follow(shape->reading, place_of(shape, word),
				     "%s is not expected here: a line begins with the name of an "
				     "option or a section",
				     word_shown(shape, word));
			shape->at++;
		}
	}
}

/* An included file goes on with the frame of the including one, but cannot close it. */
static void
shape_source(struct reading *reading, const struct source *source, const char *bytes, size_t length,
	     struct frame *frame)
{
	struct word *words = scan_words(reading, source, bytes, length);
	struct shape shape = { reading, source, words, words };
	bool file_begins = frame->file_begins;

	frame->file_begins = true;
	shape_body(&shape, frame);
	frame->file_begins = file_begins;
	free(words);
}

void
shape_file(struct reading *reading, const struct source *source, const char *bytes, size_t length,
	   const struct section *root)
{
	struct frame frame = { .kind = root, .place = { source, 1 } };

	shape_source(reading, source, bytes, length, &frame);
}
