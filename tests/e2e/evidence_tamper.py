#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Change an evidence bundle in many ways, one at a time, and see that a verifier refuses each.

usage: evidence_tamper.py BUNDLE COMMAND...    BUNDLE: a directory of a good one that is "complete"

COMMAND is run with a changed bundle's directory behind it, and must end with 1; with an unchanged one, with 0.
One line for each that it took, and a count; exit status 0: it took none.
"""
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

ALL = 160  # bytes of a file of which each is changed; of longer ones some
MANIFEST = "MANIFEST.sha256"


def files(directory):
    return sorted(os.path.relpath(os.path.join(at, n), directory) for at, _, names in os.walk(directory) for n in names)


def get(directory, name):
    with open(os.path.join(directory, name), "rb") as file:
        return file.read()


def put(directory, name, data):
    path = os.path.join(directory, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def remove(directory, name):
    os.unlink(os.path.join(directory, name))


def manifest(directory):
    """Made anew, as whoever changes files can."""
    lines = [
        "%s  %s\n" % (hashlib.sha256(get(directory, name)).hexdigest(), name) for name in files(directory) if name != MANIFEST
    ]
    put(directory, MANIFEST, "".join(lines).encode())


def places(n):
    if n <= ALL:
        return range(n)
    return sorted({0, 1, 2, n // 3, n // 2, n - 34, n - 2, n - 1, *random.Random(n).sample(range(n), 8)})


def flips(directory):
    """One byte of each file; then the same behind a manifest made anew, but where that is a question, or words."""
    for name in files(directory):
        for at in places(len(get(directory, name))):
            yield "%s, byte %d" % (name, at), lambda d, name=name, at=at: flip(d, name, at)
    for name in files(directory):
        if name in ("README.txt", "query.json", MANIFEST) or name.endswith((".cosignatures", ".tsr")):
            continue
        for at in places(len(get(directory, name))):
            yield "%s, byte %d, and the manifest" % (name, at), lambda d, name=name, at=at: (flip(d, name, at), manifest(d))


def flip(directory, name, at):
    data = bytearray(get(directory, name))
    data[at] ^= 1
    put(directory, name, bytes(data))


def lines_change(directory, change):
    """records.ndjson, with count and manifest as they then are."""
    lines = get(directory, "records.ndjson").splitlines(keepends=True)
    change(lines)
    put(directory, "records.ndjson", b"".join(lines))
    query = json.loads(get(directory, "query.json"))
    query["count"] = len(lines)
    query_put(directory, query)


def query_put(directory, query):
    put(directory, "query.json", (json.dumps(query, ensure_ascii=False, separators=(",", ":")) + "\n").encode())
    manifest(directory)


def query_change(directory, **members):
    query_put(directory, {**json.loads(get(directory, "query.json")), **members})


def whole(directory):
    """What is done to whole files, records and words, each behind a manifest made anew."""
    for name in files(directory):
        if name != "README.txt" and not name.endswith((".cosignatures", ".tsr")) and not name.startswith("checkpoints/"):
            yield "without " + name, lambda d, name=name: (remove(d, name), name == MANIFEST or manifest(d))
        yield name + ", one byte more", lambda d, name=name: put(d, name, get(d, name) + b"\n")
        yield name + ", one byte less", lambda d, name=name: put(d, name, get(d, name)[:-1])
        if name not in ("README.txt", MANIFEST) and not name.endswith((".cosignatures", ".tsr")):
            yield name + ", one byte more, and the manifest", lambda d, name=name: (put(d, name, get(d, name) + b"\n"), manifest(d))
    yield "a file more", lambda d: put(d, "more", b"x")
    size = json.loads(get(directory, "query.json"))["size"]
    for name, data in [
        ("more", b"x"),
        ("tile/more", b"x"),
        ("tile/0/000.p/1", bytes(32)),
        ("tile/0/%03d.p/%d" % (size // 256, size % 256 + 1), bytes(32 * (size % 256 + 1))),
        ("tile/0/002", bytes(32 * 256)),
        ("tile/entries/000.p/1", b""),
        ("checkpoints/0", b""),
        ("checkpoints/%d" % size, get(directory, "checkpoint")),
        ("checkpoints/%d.text" % size, b"x"),
        ("checkpoints/%d.stamped" % size, get(directory, "checkpoint")),
        ("checkpoints/1.cosignatures", b""),
        ("keys/more", b""),
    ]:
        if name not in files(directory):
            yield "the manifest names %s, too" % name, lambda d, name=name, data=data: (put(d, name, data), manifest(d))
    entries = [name for name in files(directory) if name.startswith("tile/entries/") and ".p/" not in name]
    if len(entries) > 1:
        a, b = entries[:2]
        yield "two tiles changed places", lambda d: swap(d, a, b)
    yield "a record less", lambda d: lines_change(d, lambda lines: lines.pop(len(lines) // 2))
    yield "the last record less", lambda d: lines_change(d, lambda lines: lines.pop())
    yield "a record twice", lambda d: lines_change(d, lambda lines: lines.insert(1, lines[0]))
    yield "two records changed places", lambda d: lines_change(d, lambda lines: lines.insert(0, lines.pop(1)))
    yield "no records", lambda d: lines_change(d, lambda lines: lines.clear())
    yield "another count", lambda d: query_change(d, count=json.loads(get(d, "query.json"))["count"] + 1)
    yield "another log", lambda d: query_change(d, origin="other.example.org/log")
    yield "another size", lambda d: query_change(d, size=json.loads(get(d, "query.json"))["size"] + 1)
    yield "another root", lambda d: query_change(d, root="A" * 43 + "=")
    yield "another version", lambda d: query_change(d, v=2)
    yield "a range beyond the end", lambda d: query_change(d, seq_to=json.loads(get(d, "query.json"))["size"] + 1)
    yield "a range that is none", lambda d: query_change(d, seq_from=json.loads(get(d, "query.json"))["seq_to"])
    yield "proof of less than it could", lambda d: query_change(d, proves=["included"])
    yield "proof of nothing known", lambda d: query_change(d, proves=["included", "everything"])


def swap(directory, a, b):
    x, y = get(directory, a), get(directory, b)
    put(directory, a, y)
    put(directory, b, x)
    manifest(directory)


def main():
    good, command = sys.argv[1], sys.argv[2:]
    taken = tried = 0
    with tempfile.TemporaryDirectory() as at:
        copy = os.path.join(at, "bundle")

        def status():
            return subprocess.run(command + [copy], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

        shutil.copytree(good, copy)
        first = status()
        if first.returncode != 0:
            print("the bundle is refused as it is: %r" % first.stdout)
            sys.exit(1)
        for what, change in [*flips(good), *whole(good)]:
            shutil.rmtree(copy)
            shutil.copytree(good, copy)
            change(copy)
            tried += 1
            result = status()
            if result.returncode != 1:
                taken += 1
                print("%s: exit %d: %r" % (what, result.returncode, result.stdout))
    print("%d changes, %d were not refused" % (tried, taken))
    sys.exit(taken > 0)


if __name__ == "__main__":
    main()
