#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Also on MariaDB.
"""The plays over sockets, against the real program (tests/plays/tour.py)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "plays"))
import tour  # noqa: E402

sys.exit(tour.main([]))
