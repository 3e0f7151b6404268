# SPDX-License-Identifier: MIT
"""tamper.py FILE EDIT [ARGUMENT...]: one small change of a file. Counted are lines from 1, or from the end with -1, and all else from 0.

flip AT          a bit of a byte
entry N          a bit in the middle of an entry of a bundle
exchange M N     two entries of a bundle change places
hashes M N       two hashes of a tile change places
cut N            the last bytes are gone
add              a byte more behind the end
from FILE        it is another file
number N         the number that ends a line is one more
base64 N         a bit of the value that ends a line
drop N           a line is gone
line N FILE      a line is that of another file
note FILE        what follows the first empty line is another file
leaf             a letter of the leaf that a receipt carries
hash             a bit of the first hash of a JSON proof
fewer            a hash less in a JSON proof
"""

import base64
import json
import pathlib
import re
import struct
import sys


def flipped(data, at):
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


def entries(data):
    parts = []
    while data:
        end = 2 + struct.unpack(">H", data[:2])[0]
        parts.append(data[:end])
        data = data[end:]
    return parts


def exchanged(parts, m, n):
    parts[m], parts[n] = parts[n], parts[m]
    return b"".join(parts)


def entry(data, n):
    parts = entries(data)
    parts[n] = flipped(parts[n], len(parts[n]) // 2)
    return b"".join(parts)


def line(data, n, change):
    """Line n is what change makes of it; None: it is gone."""
    lines = data.decode().splitlines(keepends=True)
    at = n - 1 if n > 0 else n
    lines[at] = change(lines[at]) or ""
    return "".join(lines).encode()


def value(text):
    raw = base64.b64decode(text.split(" ")[-1])
    return text.removesuffix(text.split(" ")[-1]) + base64.b64encode(flipped(raw, len(raw) - 1)).decode() + "\n"


def leaf(text):
    extra = json.loads(base64.b64decode(text.split(" ")[-1]))
    extra["leaf"] = extra["leaf"].replace('"recorded":"2', '"recorded":"3', 1)
    return "extra " + base64.b64encode(json.dumps(extra).encode()).decode() + "\n"


def first_hash(data):
    answer = json.loads(data)
    answer["hashes"][0] = base64.b64encode(flipped(base64.b64decode(answer["hashes"][0]), 0)).decode()
    return json.dumps(answer).encode()


def fewer(data):
    answer = json.loads(data)
    answer["hashes"].pop()
    return json.dumps(answer).encode()


def read(name):
    return pathlib.Path(name).read_bytes()


EDITS = {
    "flip": lambda d, at: flipped(d, int(at)),
    "entry": lambda d, n: entry(d, int(n)),
    "exchange": lambda d, m, n: exchanged(entries(d), int(m), int(n)),
    "hashes": lambda d, m, n: exchanged([d[i : i + 32] for i in range(0, len(d), 32)], int(m), int(n)),
    "cut": lambda d, n: d[: -int(n)],
    "add": lambda d: d + b"\0",
    "from": lambda d, name: read(name),
    "number": lambda d, n: line(d, int(n), lambda t: re.sub(r"\d+$", lambda m: str(int(m[0]) + 1), t, count=1)),
    "base64": lambda d, n: line(d, int(n), value),
    "drop": lambda d, n: line(d, int(n), lambda t: None),
    "line": lambda d, n, name: line(d, int(n), lambda t: read(name).decode().splitlines(keepends=True)[int(n) - 1]),
    "note": lambda d, name: d[: d.index(b"\n\n") + 2] + read(name),
    "leaf": lambda d: line(d, 2, leaf),
    "hash": first_hash,
    "fewer": fewer,
}


def main(name, edit, *arguments):
    before = read(name)
    after = EDITS[edit](before, *arguments)
    if after == before:
        raise SystemExit(f"{name}: {edit} changes nothing")
    pathlib.Path(name).write_bytes(after)


main(*sys.argv[1:])
