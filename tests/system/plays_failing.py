#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Plays that say "Fails anywhere": each call of the store fails once, and nobody crashes, leaks,
hangs or goes without an answer.  All of them with --long; else those that are quickly done."""
import glob
import os
import subprocess
import sys

source, build = os.environ["SOURCE_DIR"], os.environ["BUILD_DIR"]
os.environ["STENTOR_MODULES"] = "%s/modules/.libs:%s/tests/modules/.libs" % (build, build)
plays = sorted(glob.glob(os.path.join(source, "tests/plays/*.play")))
if not os.environ.get("STENTOR_LONG"):
    quick = ("binding", "blocking", "messages", "offline", "private", "register", "requests",
             "roster", "subscription", "vcard", "account_removed")
    plays = [p for p in plays if os.path.basename(p)[:-len(".play")] in quick]
sys.exit(subprocess.run([build + "/tests/plays/stage", "--fail-each"] + plays).returncode)
