# SPDX-License-Identifier: MIT
"""What callgrind counted, told apart by what the code is for.

Each line of cost belongs to an object, a source file and a function.  A file that was inlined
counts as itself, not as the function it was inlined into.
"""
import os
import re

PARTS = ("parse", "route", "serialise", "TLS", "loop", "memory", "rest")

# The first that fits; of objects the name, of sources the path.
OBJECTS = (
    ("parse", re.compile(r"libexpat")),
    ("TLS", re.compile(r"lib(gnutls|nettle|hogweed|gmp|p11-kit|tasn1)")),
    ("loop", re.compile(r"libevent")),
)
SOURCES = (
    ("serialise", re.compile(r"/src/(xml/writer|base/wire)\.")),
    ("parse", re.compile(r"/src/xml/")),
    ("route", re.compile(r"/(src/(core|xmpp|stream|store)|modules)/")),
    ("TLS", re.compile(r"/src/net/")),
    ("loop", re.compile(r"/src/loop/")),
    ("memory", re.compile(r"/src/base/(arena|base|table|text|list)\.")),
)
FUNCTIONS = (
    ("memory", re.compile(r"malloc|calloc|realloc|^_?_?(cfree|free)\b|_int_free|_int_malloc|"
                          r"mem(cpy|move|set|cmp|chr)|^_?_?str|tcache|unlink_chunk")),
    ("loop", re.compile(r"^(epoll_|read$|write|readv|recv|send|clock_gettime|__?vdso|pthread_)")),
)


def part_of(object_name, source, function):
    name = os.path.basename(object_name)
    for part, pattern in OBJECTS:
        if pattern.search(name):
            return part
    for part, pattern in SOURCES:
        if pattern.search(source):
            return part
    for part, pattern in FUNCTIONS:
        if pattern.search(function):
            return part
    return "rest"


def read(path):
    """{(object, source, function): instructions}, without what called functions took."""
    names = {"ob": {}, "fl": {}, "fn": {}}

    def name(kind, text):
        found = re.match(r"\((\d+)\)(?: (.*))?$", text)
        if not found:
            return text
        number, given = found.groups()
        if given is not None:
            names[kind][number] = given
        return names[kind].get(number, "???")

    costs = {}
    where = {"ob": "", "fl": "", "fn": ""}
    skip = False
    with open(path, errors="replace") as f:
        for line in f:
            line = line.rstrip("\n")
            found = re.match(r"(ob|fl|fi|fe|fn|cob|cfi|cfl|cfn)=(.*)", line)
            if found:
                word, text = found.groups()
                if word.startswith("c"):  # who is called: only its name is learnt
                    name("ob" if word == "cob" else "fn" if word == "cfn" else "fl", text)
                else:
                    kind = "fl" if word in ("fi", "fe") else word
                    where[kind] = name(kind, text)
            elif line.startswith("calls="):
                skip = True
            elif re.match(r"[-+*\d]", line):
                if skip:
                    skip = False
                    continue
                words = line.split()
                if len(words) > 1:
                    key = (where["ob"], where["fl"], where["fn"])
                    costs[key] = costs.get(key, 0) + int(words[1])
    return costs


def by_part(costs):
    parts = dict.fromkeys(PARTS, 0)
    for place, cost in costs.items():
        parts[part_of(*place)] += cost
    return parts


def by_function(costs):
    """[(function, object, instructions)], the most expensive first."""
    functions = {}
    for (object_name, _, function), cost in costs.items():
        key = (function, os.path.basename(object_name))
        functions[key] = functions.get(key, 0) + cost
    return sorted(((function, name, cost) for (function, name), cost in functions.items()),
                  key=lambda one: -one[2])
