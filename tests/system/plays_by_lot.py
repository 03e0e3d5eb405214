#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each play with three shards, several times, what comes next being decided by lot."""
import glob
import os
import subprocess
import sys

source, build = os.environ["SOURCE_DIR"], os.environ["BUILD_DIR"]
os.environ["STENTOR_MODULES"] = "%s/modules/.libs:%s/tests/modules/.libs" % (build, build)
seeds = "100" if os.environ.get("STENTOR_LONG") else "10"
plays = sorted(glob.glob(os.path.join(source, "tests/plays/*.play")))
sys.exit(subprocess.run([build + "/tests/plays/stage", "--seeds", seeds] + plays).returncode)
