# SPDX-License-Identifier: MIT
"""Ports for an instance of a test: six behind a base, free now, and below those that the system
gives to whoever connects, since one of these may be taken between looking and listening."""
import random
import socket

OFFSETS = (22, 23, 43, 69, 70, 80)
CHOICE = random.SystemRandom()


def is_free(port):
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as s:
            try:
                s.bind((address, port))
            except OSError:
                return False
    return True


def port_base():
    for _ in range(500):
        base = CHOICE.randrange(100, 326) * 100
        if all(is_free(base + offset) for offset in OFFSETS):
            return base
    raise RuntimeError("no free ports")
