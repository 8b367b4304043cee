#!/usr/bin/env python3
"""Captures one record on the real screen: goes to a table with Tab, opens the form, types the title, saves, leaves.

    screen.py OUTPOST DATA-DIR CONFIG LABEL TITLE
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

LIMIT_S = 10


class Screen:
    def __init__(self, argv):
        self.said = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execv(argv[0], argv)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def read(self, limit_s):
        """More of what it says; False when it has ended or says nothing."""
        ready, _, _ = select.select([self.fd], [], [], limit_s)
        try:
            more = os.read(self.fd, 65536) if ready else b""
        except OSError:
            more = b""
        # Cursor movements inside a line stand for blanks that were there before.
        self.said += re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[()].|[=>78])", " ", more.decode("utf-8", "replace"))
        return bool(more)

    def wait(self, text):
        """Until text was said since the last keys."""
        end = time.monotonic() + LIMIT_S
        while text not in self.said:
            left = end - time.monotonic()
            if left <= 0 or not self.read(left):
                self.fail(f'waited in vain for "{text}"')

    def keys(self, keys):
        self.said = ""
        os.write(self.fd, keys.encode())

    def fail(self, why):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        sys.exit(f"{why}; the screen said: {self.said[-1500:]!r}")

    def end(self):
        """The program has ended by itself."""
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end and self.read(0.2):
            pass
        while time.monotonic() < end:
            pid, code = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(code)
            select.select([], [], [], 0.02)
        return self.fail("it does not end")


def main():
    program, data_dir, config, label, title = sys.argv[1:]
    screen = Screen([program, "--data-dir", data_dir, "--config", config])
    screen.wait("OUTPOST")
    screen.wait("Quit")
    for _ in range(40):
        screen.keys("\t")
        screen.keys("\x0c")         # all of it again, not only what differs
        screen.wait("OUTPOST")
        screen.wait("Quit")
        if label in screen.said:
            break
    else:
        screen.fail(f"no table {label}")
    screen.keys("a")
    screen.wait("Save")
    screen.keys(title)
    screen.wait(title[-1])
    screen.keys("\x13")
    screen.wait("Saved")
    screen.keys("q")
    sys.exit(screen.end())


if __name__ == "__main__":
    main()
