#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""profanity in tmux talks with go-sendxmpp, both ways, and hears what was said offline."""
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from instance import Instance, Skip, TMP, main  # noqa: E402


def needs(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise Skip(program + " is not installed")


class Tmux:
    def __init__(self, name, command, home):
        self.socket = os.path.join(TMP, name + ".tmux")
        env = dict(os.environ, HOME=home, XDG_CONFIG_HOME=home + "/config",
                   XDG_DATA_HOME=home + "/data", TERM="xterm", LC_ALL="C.UTF-8")
        os.makedirs(home, exist_ok=True)
        subprocess.run(["tmux", "-S", self.socket, "new-session", "-d", "-x", "200", "-y", "50",
                        command], check=True, env=env)

    def type(self, text):
        subprocess.run(["tmux", "-S", self.socket, "send-keys", "-l", text], check=True)
        subprocess.run(["tmux", "-S", self.socket, "send-keys", "Enter"], check=True)

    def screen(self):
        return subprocess.run(["tmux", "-S", self.socket, "capture-pane", "-p"],
                              capture_output=True, text=True).stdout

    def wait_for(self, text, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if text in self.screen():
                return
            time.sleep(0.2)
        raise RuntimeError("never saw %r on:\n%s" % (text, self.screen()))

    def end(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], stderr=subprocess.DEVNULL)


def send(instance, to, text):
    subprocess.run(["go-sendxmpp", "-n", "-u", "romeo@localhost", "-p", "montague-secret", "-j",
                    "127.0.0.1:%d" % instance.port, to], input=text, text=True, check=True,
                   timeout=60)


def go_sendxmpp_with_direct_tls():
    needs("go-sendxmpp")
    with Instance("sendxmpp") as instance:
        instance.add_account("juliet@localhost", "capulet-secret")
        instance.add_account("romeo@localhost", "montague-secret")
        instance.start()
        words = ["go-sendxmpp", "-n", "-t", "-j", "127.0.0.1:%d" % instance.tls_port]
        romeo = words + ["-u", "romeo@localhost", "-p", "montague-secret"]
        juliet = words + ["-u", "juliet@localhost", "-p", "capulet-secret"]
        # It never hears offline messages here: version 0.5.6 falls over the ping behind them.
        listener = subprocess.Popen(juliet + ["-l"], stdout=subprocess.PIPE, text=True)
        try:
            end = time.monotonic() + 20
            while "juliet" not in instance.ctl("session", "list").stdout:
                assert time.monotonic() < end, "she never came"
                time.sleep(0.1)
            subprocess.run(romeo + ["juliet@localhost"], input="said in time", text=True,
                           check=True, timeout=60)
            assert "said in time" in listener.stdout.readline()
        finally:
            listener.kill()
            listener.wait()
        wrong = subprocess.run(words + ["-u", "romeo@localhost", "-p", "wrong",
                                        "juliet@localhost"], input="never", text=True,
                               capture_output=True, timeout=60)
        assert wrong.returncode != 0, wrong
        instance.stop()


def profanity_and_go_sendxmpp_talk():
    needs("profanity", "tmux", "go-sendxmpp")
    with Instance("profanity") as instance:
        instance.add_account("juliet@localhost", "capulet-secret")
        instance.add_account("romeo@localhost", "montague-secret")
        instance.start()
        send(instance, "juliet@localhost", "said while you were away")

        listener = subprocess.Popen(
            ["go-sendxmpp", "-n", "-l", "-u", "romeo@localhost", "-p", "montague-secret", "-j",
             "127.0.0.1:%d" % instance.port], stdout=subprocess.PIPE, text=True)
        tmux = Tmux("profanity", "profanity", os.path.join(TMP, "profanity-home"))
        try:
            tmux.wait_for("Profanity")
            tmux.type("/connect juliet@localhost server 127.0.0.1 port %d tls trust" % instance.port)
            time.sleep(2)
            tmux.type("capulet-secret")
            tmux.wait_for("logged in successfully")
            tmux.type("/msg romeo@localhost good night, good night")
            heard = listener.stdout.readline()
            assert "good night, good night" in heard, heard
            tmux.wait_for("said while you were away")
            send(instance, "juliet@localhost", "parting is such sweet sorrow")
            tmux.wait_for("parting is such sweet sorrow")
            tmux.type("/roster add benvolio@localhost Ben")
            end = time.monotonic() + 20
            while instance.ctl_json("account", "show", "juliet@localhost")["contacts"] < 1:
                assert time.monotonic() < end, "the roster did not change"
                time.sleep(0.2)
        finally:
            listener.kill()
            listener.wait()
            tmux.end()
        instance.stop()


if __name__ == "__main__":
    main(profanity_and_go_sendxmpp_talk, go_sendxmpp_with_direct_tls)
