#!/usr/bin/env python3
"""The contract suite against a real deployment, for a person who has one.

Set OUTPOST_LIVE_URL, OUTPOST_LIVE_EMAIL and OUTPOST_LIVE_PASSWORD, and for the cases that need a
second account OUTPOST_LIVE_EMAIL2 and OUTPOST_LIVE_PASSWORD2. The accounts must be for testing:
some 3,000 records are written into them. Without the first three it says so in one line and ends well.

Cases that no harness proves: the exact envelope, `1.0` as a number's form, gzip, TLS.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE)]
sys.dont_write_bytecode = True

import run  # noqa: E402

NEEDED = {"--url": "URL", "--email": "EMAIL", "--password": "PASSWORD"}
OPTIONAL = {"--email2": "EMAIL2", "--password2": "PASSWORD2"}


def main(words):
    values = {
        option: os.environ.get("OUTPOST_LIVE_" + name, "")
        for option, name in {**NEEDED, **OPTIONAL}.items()
    }
    if not all(values[option] for option in NEEDED):
        names = ", ".join("OUTPOST_LIVE_" + name for name in NEEDED.values())
        print(f"skip: no live deployment ({names})")
        return 0
    for option, text in values.items():
        words += [option, text] if text else []
    return run.main(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
