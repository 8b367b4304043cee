"""Stories of the screen in a pseudo-terminal, and of a link that goes and comes."""

import contextlib
import fcntl
import os
import pty
import signal
import sqlite3
import struct
import subprocess
import termios
import threading
import time

import proxy
from stories import SKIP, check_file, follow, kill, pause, story

SAVE = b"\x1bOR"  # F3 of an xterm


class Screen:
    """The program on a terminal of 24 x 80, and all that it has drawn."""

    def __init__(self, device):
        self.drawn = b""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        world = device.world
        self.process = world.keep(subprocess.Popen(
            device.command(), stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={**world.env, "TERM": "xterm-256color"}))
        os.close(slave)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        with contextlib.suppress(OSError):
            while got := os.read(self.master, 65536):
                self.drawn += got

    def type(self, keys):
        with contextlib.suppress(OSError):
            os.write(self.master, keys)

    def sees(self, *texts, seconds):
        """One of them, within so many seconds, and while it lives. Looks 200 times a second."""
        end, look = time.monotonic() + seconds, threading.Event()
        while not any(text in self.drawn for text in texts):
            if time.monotonic() > end or self.process.poll() is not None:
                return any(text in self.drawn for text in texts)
            look.wait(0.005)
        return True

    def end(self, world):
        kill(world, self.process, "screen")
        self.reader.join(5)
        os.close(self.master)


def drop_draft(device):
    """What was half typed would be offered at the next start, and typed on."""
    for name in os.listdir(device.dir):
        if name.endswith(".db"):
            db = sqlite3.connect(os.path.join(device.dir, name), timeout=10)
            with db:
                db.execute("DELETE FROM drafts")
            db.close()


@story
def screen(world, until):
    """A task is typed in the screen, which is killed, stopped, sent a ^Z: what it calls saved is."""
    device = world.device("one")
    seen = 0
    while world.again(until):
        drop_draft(device)
        screen_ = Screen(device)
        if not screen_.sees(b"F10", seconds=20):
            world.problems.append(f"the screen does not come up: {screen_.drawn[-300:]!r}")
            screen_.end(world)
            break
        title = world.new_title("typed")
        world.ledger.tried("tasks", title)
        screen_.type(b"a" + title.encode() + SAVE)
        what = world.rng.random()
        if what < 0.3:
            screen_.sees(b"Saved", seconds=world.rng.uniform(0, 0.1))
        elif what < 0.6:
            how = world.rng.choice((signal.SIGSTOP, signal.SIGTSTP))
            screen_.sees(b"Saved", seconds=world.rng.uniform(0, 0.05))
            screen_.process.send_signal(how)
            world.kills["screen, stopped"] += 1
            device.add(0.3)
            screen_.process.send_signal(signal.SIGCONT)
            screen_.sees(b"Saved", seconds=10)
        # When the answer is there before the next frame, only that everything was sent is drawn.
        elif not screen_.sees(b"Saved", b"All changes sent.", seconds=20):
            world.problems.append(f"the screen never said Saved: {screen_.drawn[-300:]!r}")
        if b"Saved" in screen_.drawn:
            world.ledger.saved_title("tasks", title)
            seen += 1
        if world.rng.random() < 0.2:
            world.kill_backend()
        screen_.end(world)
        world.start_backend()
        check_file(world, device)
    world.notes = f"{seen} saves seen on screen"
    if not seen:
        world.problems.append("no save was ever seen on screen")


def run_ip(*words):
    return subprocess.call(["ip", *words], stderr=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL) == 0


@contextlib.contextmanager
def namespace(world):
    """The device's own network, with one link to here; None where that is not permitted."""
    name = f"outpost{os.getpid()}"
    here, there, net = f"oph{os.getpid()}", f"opt{os.getpid()}", f"10.{os.getpid() % 200 + 20}.77"
    is_made = False
    try:
        with contextlib.suppress(OSError):  # no ip
            is_made = run_ip("netns", "add", name) and \
                run_ip("link", "add", here, "type", "veth", "peer", "name", there) and \
                run_ip("link", "set", there, "netns", name) and \
                run_ip("addr", "add", f"{net}.1/24", "dev", here) and \
                run_ip("link", "set", here, "up") and \
                run_ip("-n", name, "addr", "add", f"{net}.2/24", "dev", there) and \
                run_ip("-n", name, "link", "set", "lo", "up") and \
                run_ip("-n", name, "link", "set", there, "up")
        yield (name, here, f"{net}.1") if is_made else None
    finally:
        for process in list(world.processes):
            process.kill()
            process.wait()
        with contextlib.suppress(OSError):
            run_ip("link", "del", here)
            run_ip("netns", "del", name)


@story
def link(world, until):
    """A network namespace whose link goes and comes; who follows and who pushes is killed, too."""
    with namespace(world) as net:
        if not net:
            return SKIP
        name, here, address = net
        with open(world.config, "a", encoding="utf-8") as file:
            file.write("insecure = yes\n")
        world.prefix = ["ip", "netns", "exec", name]
        between = proxy.Proxy(world.port, lambda path: None, address)
        world.device_url = between.url
        device = world.device("one")
        follower = follow(device)
        downs = 0
        while world.again(until):
            run_ip("link", "set", here, "down")
            downs += 1
            client_id = device.add()
            if client_id is None:
                world.problems.append("without a link an add is not acknowledged")
                break
            pause(world.rng.uniform(0, 0.2))
            run_ip("link", "set", here, "up")
            device.edit(client_id, 0.1 if world.rng.random() < 0.5 else 0)
            device.run_killed(0.3, "sync")
            if world.rng.random() < 0.4:
                kill(world, follower)
                follower = follow(device)
            check_file(world, device)
        kill(world, follower)
        world.notes = f"the link went {downs} times"
        world.finish()
    return None
