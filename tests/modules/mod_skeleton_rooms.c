/* SPDX-License-Identifier: MIT */
/*
 * mod_skeleton_rooms -- what rooms need: a name below the domain, every address of it at one
 * home, stanzas that arrive there and stanzas that leave.  What is said to a room comes back
 * from it to whoever has entered.
 */
#include <string.h>

#include "module.h"

struct rooms {
	struct table rooms;
};

struct room {
	struct entry entry;
	struct jid *jid;
	struct list occupants;
};

struct occupant {
	struct list place;
	struct jid *jid, *nick;
};

static struct room *
room_of(struct rooms *rooms, const struct jid *jid)
{
	struct entry *entry = table_get(&rooms->rooms, jid->bare);
	struct room *room = TABLE_ITEM(entry, struct room, entry);
	struct jid bare = jid_bare(jid);

	if (room == NULL) {
		room = zalloc(sizeof *room);
		room->jid = jid_own(&bare);
		list_init(&room->occupants);
		table_put(&rooms->rooms, &room->entry, room->jid->bare);
	}
	return room;
}

static void
enter(struct room *room, const struct stanza *stanza)
{
	struct occupant *occupant = zalloc(sizeof *occupant);
	struct arena *arena = arena_new();

	occupant->jid = jid_own(&stanza->from);
	occupant->nick = jid_own(&stanza->to);
	list_append(&room->occupants, &occupant->place);
	router_send_element(arena, element_new(arena, NS_CLIENT, "presence"), occupant->nick,
	                    occupant->jid);
}

static void
fan_out(struct room *room, const struct stanza *stanza)
{
	struct occupant *occupant, *speaker = NULL;

	LIST_EACH (&room->occupants, occupant, struct occupant, place)
		if (jid_equal(occupant->jid, &stanza->from))
			speaker = occupant;
	if (speaker == NULL)
		return;
	LIST_EACH (&room->occupants, occupant, struct occupant, place)
		router_send(stanza_copy(stanza, speaker->nick, occupant->jid));
}

static enum outcome
on_arriving(void *self, struct stanza *stanza)
{
	struct rooms *rooms = self;

	if (stanza->to.local == NULL || stanza->kind == STANZA_IQ)
		return PASS;
	if (stanza->kind == STANZA_PRESENCE && stanza->type == TYPE_AVAILABLE &&
	    stanza->to.resource != NULL)
		enter(room_of(rooms, &stanza->to), stanza);
	else if (stanza->kind == STANZA_MESSAGE && stanza->type == TYPE_GROUPCHAT)
		fan_out(room_of(rooms, &stanza->to), stanza);
	return DONE;
}

static void
stop(void *self)
{
	struct rooms *rooms = self;
	struct entry *entry, *next;
	struct list *place;

	for (entry = table_next(&rooms->rooms, NULL); entry != NULL; entry = next) {
		struct room *room = CONTAINER(entry, struct room, entry);

		next = table_next(&rooms->rooms, entry);
		while ((place = list_shift(&room->occupants)) != NULL) {
			struct occupant *occupant = LIST_ITEM(place, struct occupant, place);

			free(occupant->jid);
			free(occupant->nick);
			free(occupant);
		}
		free(room->jid);
		free(room);
	}
	table_clear(&rooms->rooms);
}

static const struct host host = {
	.prefix = "conference",
	.homes = HOST_BY_ADDRESS,
	.category = "conference",
	.type = "text",
	.name = "Rooms",
	.arriving = on_arriving,
};

MODULE = {
	.api = MODULE_API,
	.name = "skeleton_rooms",
	.about = "The skeleton of rooms",
	.host = &host,
	.size = sizeof(struct rooms),
	.stop = stop,
};
