"""Programs in which some sources of the product are altered. Only these are compiled, with the flags of the
build; they are linked before the libraries, whose own object of that name is then not taken."""
import json
import os
import re
import shlex
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class NotBuilt(Exception):
    """The compiler or the linker refuses it."""


def run(command, cwd):
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise NotBuilt(done.stdout)


class Build:
    """A build tree of CMake and Ninja whose targets are up to date."""

    def __init__(self, path):
        self.path = os.path.abspath(path)
        with open(os.path.join(self.path, "compile_commands.json"), encoding="utf-8") as file:
            commands = json.load(file)
        self.compilers = {os.path.relpath(c["file"], ROOT): shlex.split(c["command"]) for c in commands}
        self.linkers = {}
        self.linker_flags = ["-fuse-ld=lld"] if shutil.which("ld.lld") else []

    def compile(self, source, altered, out):
        """`altered`: what stands in for ROOT/source."""
        command = list(self.compilers[source])
        command[command.index("-c") + 1] = os.path.abspath(altered)
        command[command.index("-o") + 1] = os.path.abspath(out)
        # A variant may leave something unused; and the first run of it is worth more than a fast one.
        run([c for c in command if c not in ("-g", "-Werror")] + ["-w", "-O1"], self.path)

    def link_command(self, target):
        if target not in self.linkers:
            text = subprocess.check_output(["ninja", "-t", "commands", target], cwd=self.path, text=True)
            command = text.strip().splitlines()[-1]
            self.linkers[target] = shlex.split(re.sub(r"^: && | && :$", "", command))
        return list(self.linkers[target])

    def link(self, target, objects, out):
        command = self.link_command(target)
        at = command.index("-o")
        command[at + 1] = os.path.abspath(out)
        run(command[:at] + [os.path.abspath(o) for o in objects] + command[at:] + self.linker_flags, self.path)
