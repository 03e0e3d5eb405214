# SPDX-License-Identifier: MIT
"""What was promised, and whether it was kept: acked means kept.

Given are messages (`sent`, in the order each sender said them), the archives (for each account
the uids with their ids, in the order of the archive), and what receivers heard (in their order).
"""
import collections


def examine(sent, archives, heard):
    """Sentences, one for each breach; an empty list is a promise kept.  `archives` None: the
    server has none, and only what was heard is looked at."""
    faults = []
    if archives is not None:
        faults += look_into_archives(sent, archives)
        faults += look_at_ids(heard, archives)
    faults += look_at_what_was_heard(sent, heard)
    return faults


def look_into_archives(sent, archives):
    faults = []
    places = {owner: collections.defaultdict(list) for owner in archives}
    for owner, rows in archives.items():
        for place, (_, uid) in enumerate(rows):
            places[owner][uid].append(place)
    for owner, found in places.items():
        for uid, at in found.items():
            if len(at) > 1:
                faults.append("%s is %d times in the archive of %s" % (uid, len(at), owner))
    for message in sent:
        for owner in (message.sender, message.receiver):
            if message.acked and not message.refused and not places[owner][message.uid]:
                faults.append("%s was acknowledged, and is not in the archive of %s" %
                              (message.uid, owner))
    for owner, found in places.items():
        last = {}
        for message in sent:
            if owner not in (message.sender, message.receiver) or not found[message.uid]:
                continue
            pair = message.sender, message.resource, message.receiver
            place = found[message.uid][0]
            if last.get(pair, (-1, ""))[0] > place:
                faults.append("in the archive of %s %s stands behind %s" %
                              (owner, last[pair][1], message.uid))
            last[pair] = (place, message.uid)
    return faults


def look_at_ids(heard, archives):
    """No client has seen an id that is not there, or is another message's."""
    faults = []
    ids = {owner: dict(rows) for owner, rows in archives.items()}
    for one in heard:
        if one.archive_id is None:
            faults.append("%s heard %s without an id of its archive" % (one.by.name, one.uid))
        elif ids[one.by.name].get(one.archive_id) != one.uid:
            faults.append("%s heard %s under the id %s, which is %s in its archive" %
                          (one.by.name, one.uid, one.archive_id,
                           ids[one.by.name].get(one.archive_id, "nothing")))
    return faults


def look_at_what_was_heard(sent, heard):
    faults = []
    by_uid = {message.uid: message for message in sent}
    reached = collections.defaultdict(set)
    lives = collections.defaultdict(list)
    for one in heard:
        reached[one.uid].add(one.by.name)
        if one.live:
            lives[one.by, one.life].append(one)
        if one.uid not in by_uid:
            faults.append("%s heard %s, which nobody has said" % (one.by.name, one.uid))
    for message in sent:
        if message.acked and not message.refused and message.receiver not in reached[message.uid]:
            faults.append("%s was acknowledged, and %s never heard it" %
                          (message.uid, message.receiver))
    # Within a session, resumed or not, nothing comes twice, and everything in its order.
    for (client, _), ones in lives.items():
        seen, last = set(), {}
        for one in ones:
            message = by_uid.get(one.uid)
            if message is None:
                continue
            if one.uid in seen:
                faults.append("%s/%s heard %s twice in one session" %
                              (client.name, client.resource, one.uid))
                continue
            seen.add(one.uid)
            said_by = message.sender, message.resource
            if last.get(said_by, -1) > message.number:
                faults.append("%s/%s heard %s behind a later one" %
                              (client.name, client.resource, one.uid))
            last[said_by] = message.number
    return faults
