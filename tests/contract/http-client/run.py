#!/usr/bin/env python3
"""Runs the official ConvexHttpClient (client.mjs) against a backend that it starts:

    run.py BACKEND-PROGRAM      the embedded backend
    run.py --convex             the Convex functions
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ABOVE = os.path.dirname(HERE)
sys.path[:0] = [ABOVE, os.path.join(ABOVE, "convex-server")]
sys.dont_write_bytecode = True

import control  # noqa: E402
import convex_backend  # noqa: E402


def main(words):
    if len(words) != 1:
        sys.exit(__doc__)
    is_convex = words[0] == "--convex"
    backend = convex_backend.ConvexBackend() if is_convex else control.Backend(words[0])
    try:
        email, password = control.ACCOUNTS[0]
        client = os.path.join(HERE, "client.mjs")
        done = subprocess.run([convex_backend.node(), client, backend.url, email, password])
    finally:
        why = backend.close()
    if why:
        sys.exit(why)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
