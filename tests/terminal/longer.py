#!/usr/bin/env python3
"""Makes a translation of nothing but longer texts: each is followed by a filler of = that makes it 40 % longer, and a }
at its end. A text that is drawn over, or cut without a ~, shows it: its filler ends in something else.

    longer.py outpost.pot > longer.po
"""

import re
import sys

HEAD = '''msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

'''


def longer(text):
    """Of the text of a PO string, as it is written there; line ends stay where they are."""
    body = text[: -2] if text.endswith("\\n") else text
    tail = text[len(body):]
    more = max(2, (len(body) * 2 + 4) // 5)
    # A blank at the end keeps what is put behind it apart.
    blank = body[len(body.rstrip(" ")):]
    return body.rstrip(" ") + "=" * (more - 1) + "}" + blank + tail


def unquote(lines):
    return "".join(re.fullmatch(r'\s*"(.*)"\s*', line).group(1) for line in lines)


def main():
    sys.stdout.write(HEAD)
    for block in open(sys.argv[1], encoding="utf-8").read().split("\n\n")[1:]:
        fields, name = {}, None
        flags = ""
        for line in block.splitlines():
            if line.startswith("#,"):
                flags += line + "\n"
            match = re.match(r'(msgid_plural|msgid|msgstr(?:\[\d\])?) (".*")$', line)
            if match:
                name = match.group(1)
                fields[name] = [match.group(2)]
            elif line.startswith('"') and name:
                fields[name].append(line)
        if "msgid" not in fields:
            continue
        one = unquote(fields["msgid"])
        if not one:
            continue
        sys.stdout.write(f'{flags}msgid "{one}"\n')
        if "msgid_plural" in fields:
            many = unquote(fields["msgid_plural"])
            sys.stdout.write(f'msgid_plural "{many}"\nmsgstr[0] "{longer(one)}"\nmsgstr[1] "{longer(many)}"\n\n')
        else:
            sys.stdout.write(f'msgstr "{longer(one)}"\n\n')


main()
