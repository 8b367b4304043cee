"""Stories of disks that are full or read-only: small ones, mounted for the story."""

import contextlib
import os
import subprocess

from stories import SKIP, check_file, story


@contextlib.contextmanager
def small_disk(world, kilobytes):
    """A folder on a disk of that size, or None where that is not permitted."""
    folder = os.path.join(world.dir, "disk")
    os.mkdir(folder)
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.call(command, stderr=subprocess.DEVNULL) != 0:
        yield None
        return
    try:
        yield folder
    finally:
        for process in list(world.processes):
            process.kill()
            process.wait()
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder, leave):
    """Takes all but some bytes of the disk away."""
    with open(os.path.join(folder, "ballast"), "ab", buffering=0) as file:
        room = os.statvfs(folder)
        file.write(b"\0" * max(0, room.f_bavail * room.f_frsize - leave))


def empty(folder):
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(folder, "ballast"))


@story
def full_disk(world, until):
    """The device's disk is full again and again: it says so, and what it acknowledged stays."""
    with small_disk(world, 24000) as folder:
        if not folder:
            return SKIP
        device = world.device("one", folder)
        refused = 0
        while world.again(until):
            fill(folder, world.rng.choice((0, 4096, 8192, 20000, 50000, 120000)))
            for _ in range(6):
                text = world.new_title("one")
                world.ledger.tried("tasks", text)
                code, out, complaint = device.run("add", text)
                if not device.note_add(code, out, {"text": text}):
                    refused += 1
                    if code != 1 or not complaint.strip() or out:
                        world.problems.append(f"a full disk: {code} {out!r} {complaint!r}")
            name, records = device.write_lines(100, more={"notes": "n" * 500})
            code, out, _ = device.run("import", name, "--json")
            device.note_import(code, out, records)
            os.remove(name)
            device.run_killed(0.3, "sync")
            empty(folder)
            if device.add() is None:
                world.problems.append("there is room again, and an add is refused")
            check_file(world, device)
            device.run("sync")
        world.notes = f"{refused} adds refused with a message"
        if not refused:
            world.problems.append("the disk was never full")
        world.finish()
    return None


@story
def full_disk_of_the_backend(world, until):
    """The backend's disk is full again and again: pushes fail as an outage, and come again."""
    with small_disk(world, 24000) as folder:
        if not folder:
            return SKIP
        world.kill_backend()
        world.open(folder)
        device = world.device("one")
        failed = 0
        while world.again(until):
            fill(folder, world.rng.choice((0, 4096, 20000, 60000)))
            for _ in range(3):
                device.add()
            name, records = device.write_lines(60, more={"notes": "n" * 300})
            code, out, _ = device.run("import", name, "--json")
            device.note_import(code, out, records)
            code, _, _ = device.run("sync")
            failed += code != 0
            if world.rng.random() < 0.3:
                world.kill_backend()
            empty(folder)
            world.start_backend()
            if world.rng.random() < 0.7:
                device.run("sync")
            check_file(world, device)
        world.notes = f"{failed} rounds failed"
        if not failed:
            world.problems.append("the disk was never full")
        world.finish()
    return None


@story
def read_only(world, until):
    """The file system turns read-only between two commands: captures are refused in words."""
    with small_disk(world, 24000) as folder:
        if not folder:
            return SKIP
        device = world.device("one", folder)
        remount = ["mount", "-o", "remount,ro", folder]
        last = None
        while world.again(until):
            last = device.add() or last
            subprocess.run(remount, check=True)
            text = world.new_title("one")
            code, out, complaint = device.run("add", text)
            if code != 1 or out or not complaint.strip():
                world.problems.append(f"read-only: add: {code} {out!r} {complaint!r}")
            code, out, complaint = device.run("sync")
            if code == 0:
                world.problems.append("read-only: sync says that all is well")
            subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
            device.edit(last)
            if world.rng.random() < 0.5:
                device.run("sync")
            check_file(world, device)
        world.finish()
    return None
