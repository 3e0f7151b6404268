#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check an evidence bundle, from what its README.txt says and nothing else: Python's own library, and openssl for Ed25519.

usage: evidence_verify.py DIRECTORY [VKEY]     exit status 0: it holds, 1: it does not, and why
"""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

COMPARTMENTS = ("actor", "client", "resource", "detail")
PUBLIC = ("source", "writer", "source_seq", "id", "time", "action", "method", "status", "outcome")
ZERO = bytes(32)


class Bad(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Bad(what)


def sha(data):
    return hashlib.sha256(data).digest()


def b64(text, length=None):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Bad("base64: %s" % error) from error
    need(base64.b64encode(data).decode() == text, "base64 is not in its one form")
    need(length is None or len(data) == length, "base64 of another length")
    return data


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def strict(text):
    """JSON in its one form: no member twice, no white space, no other escapes."""

    def members(pairs):
        need(len({name for name, _ in pairs}) == len(pairs), "a member stands twice")
        return dict(pairs)

    try:
        value = json.loads(text, object_pairs_hook=members)
    except ValueError as error:
        raise Bad("JSON: %s" % error) from error
    need(compact(value) == text, "JSON is not in its one form")
    return value


class Bundle:
    def __init__(self, directory):
        self.directory = directory
        self.names = sorted(
            os.path.relpath(os.path.join(at, name), directory) for at, _, names in os.walk(directory) for name in names
        )

    def read(self, name):
        need(name in self.names, "%s is missing" % name)
        with open(os.path.join(self.directory, name), "rb") as file:
            return file.read()

    def text(self, name):
        try:
            return self.read(name).decode()
        except UnicodeDecodeError as error:
            raise Bad("%s: %s" % (name, error)) from error


# ---- 1. the files


def check_manifest(bundle):
    told = {}
    for line in bundle.text("MANIFEST.sha256").split("\n")[:-1]:
        match = re.fullmatch(r"([0-9a-f]{64})  ([A-Za-z0-9._/-]+)", line)
        need(match, "MANIFEST.sha256 has a line that is none")
        need(match[2] not in told, "%s stands twice" % match[2])
        told[match[2]] = match[1]
    need(bundle.read("MANIFEST.sha256").endswith(b"\n"), "MANIFEST.sha256 has no end")
    need(sorted(told) == [name for name in bundle.names if name != "MANIFEST.sha256"], "the files are not those told")
    for name, digest in told.items():
        need(sha(bundle.read(name)).hex() == digest, "%s is not what was told" % name)


# ---- 2. keys, notes


class Key:
    def __init__(self, text):
        parts = text.split("+", 2)
        need(len(parts) == 3, "no vkey")
        self.text, self.name, self.hex = text, parts[0], parts[1]
        data = b64(parts[2], 33)
        need(data[0] == 1, "a key of another type")
        self.public = data[1:]
        self.id = sha(self.name.encode() + b"\n\x01" + self.public)[:4]
        need(self.id.hex() == self.hex, "a vkey's id is another")

    def signed(self, text, signature):
        der = bytes.fromhex("302a300506032b6570032100") + self.public
        with tempfile.TemporaryDirectory() as at:
            for name, data in (("key", der), ("text", text), ("sig", signature)):
                with open(os.path.join(at, name), "wb") as file:
                    file.write(data)
            return (
                subprocess.run(
                    ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin"]
                    + ["-in", "text", "-sigfile", "sig"],
                    cwd=at,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=False,
                ).returncode
                == 0
            )


def note_split(note):
    text, empty, lines = note.rpartition("\n\n")
    need(empty and lines.endswith("\n"), "no signed note")
    signatures = []
    for line in lines.split("\n")[:-1]:
        match = re.fullmatch("\u2014 ([!-~]+) ([A-Za-z0-9+/=]+)", line)
        need(match, "a line is no signature")
        data = b64(match[2])
        signatures.append((match[1], data[:4], data[4:]))
    return text + "\n", signatures


def note_check(note, keys):
    """Each of the keys signed it, and nobody else did."""
    text, signatures = note_split(note)
    need(len(signatures) == len(keys), "signatures of others, or too few")
    for key in keys:
        mine = [s for name, id_, s in signatures if name == key.name and id_ == key.id]
        need(len(mine) == 1 and len(mine[0]) == 64, "the key did not sign")
        need(key.signed(text.encode(), mine[0]), "a signature is bad")
    return text


def checkpoint(note, key):
    lines = note_check(note, [key]).split("\n")
    need(len(lines) == 4 and lines[3] == "" and lines[0] == key.name, "no checkpoint of this log")
    need(re.fullmatch("0|[1-9][0-9]*", lines[1]), "a size is none")
    return int(lines[1]), b64(lines[2], 32)


def keys_of(bundle, last):
    """[(key, from size)], by the notes that lead to the last one."""
    notes = sorted(int(name[5:]) for name in bundle.names if name.startswith("keys/"))
    keys = []
    for seq in notes:
        note = bundle.text("keys/%d" % seq)
        lines = note_split(note)[0].split("\n")
        need(len(lines) == 6 and lines[0] == "counterfoil/v1 key" and lines[2] == str(seq), "no key note")
        old, new = Key(lines[3]), Key(lines[4])
        need(lines[1] == old.name == new.name == last.name, "a key note of another log")
        note_check(note, [old, new] if len(note_split(note)[1]) > 1 else [new])
        need(not keys or keys[-1][0].text == old.text, "key notes do not follow each other")
        keys = keys or [(old, 0)]
        keys.append((new, seq + 1))
    need(not keys or keys[-1][0].text == last.text, "the key notes lead to another key")
    return keys or [(last, 0)]


def key_at(keys, size):
    return [key for key, begin in keys if begin <= size][-1]


# ---- 3. tiles


def node(left, right):
    return sha(b"\x01" + left + right)


def join(hashes):
    while len(hashes) > 1:
        hashes = [node(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def tile_name(level, n, width):
    digits = "%03d" % n
    while len(digits) % 3:
        digits = "0" + digits
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
    return "tile/%s/%s%s" % (level, path, "" if width == 256 else ".p/%d" % width)


class Tree:
    def __init__(self, bundle, size):
        self.bundle, self.size, self.tiles = bundle, size, {}
        for name in bundle.names:
            match = re.fullmatch(r"tile/(\d+)/((?:x\d{3}/)*\d{3})(?:\.p/(\d+))?", name)
            if match:
                n = int(match[2].replace("x", "").replace("/", ""))
                self.take(name, int(match[1]), n, int(match[3] or 256))
        for level in range(8):
            last = (size >> 8 * level) % 256
            need(last == 0 or (level, (size >> 8 * level) >> 8) in self.tiles, "a last tile is missing")

    def take(self, name, level, n, width):
        need(name == tile_name(level, n, width), "%s is called otherwise" % name)
        count = (self.size >> 8 * level) - n * 256
        need(count > 0 and width == min(count, 256), "%s is no tile of this tree" % name)
        data = self.bundle.read(name)
        need(len(data) == 32 * width, "%s is of another length" % name)
        self.tiles[level, n] = [data[i : i + 32] for i in range(0, len(data), 32)]

    def hash(self, level, n):
        need((level, n // 256) in self.tiles, "tile %d of level %d is missing" % (n // 256, level))
        return self.tiles[level, n // 256][n % 256]

    def root(self, size):
        """From whole hashes alone, joined from the right."""
        parts, at = [], 0
        for level in range(7, -1, -1):
            for bit in range(7, -1, -1):
                width = 1 << bit
                if (size >> 8 * level) & width:
                    first = at >> 8 * level
                    parts.append(join([self.hash(level, first + i) for i in range(width)]))
                    at += width << 8 * level
        root = parts.pop()
        while parts:
            root = node(parts.pop(), root)
        return root

    def check(self, root):
        need(self.root(self.size) == root, "the tiles lead to another root")
        for (level, n), hashes in self.tiles.items():
            need(len(hashes) < 256 or join(hashes) == self.hash(level + 1, n), "tile %d/%d is not in the tree" % (level, n))


# ---- 4. leaves


def leaves_of(bundle, tree):
    leaves, taken = {}, set()
    for (level, n), hashes in sorted(tree.tiles.items()):
        name = tile_name("entries", n, len(hashes))
        if level != 0 or name not in bundle.names:
            continue
        taken.add(name)
        data, at = bundle.read(name), 0
        for i, leaf_hash in enumerate(hashes):
            length = int.from_bytes(data[at : at + 2], "big")
            leaf = data[at + 2 : at + 2 + length]
            need(len(leaf) == length and sha(b"\x00" + leaf) == leaf_hash, "a leaf of %s is not in the tree" % name)
            leaves[n * 256 + i] = leaf_take(leaf, n * 256 + i, tree)
            at += 2 + length
        need(at == len(data), "%s has more than its leaves" % name)
    need(taken == {name for name in bundle.names if name.startswith("tile/entries/")}, "leaves without their hashes")
    return leaves


def leaf_take(leaf, seq, tree):
    value = json.loads(leaf.decode())
    need(value["v"] == 1 and value["seq"] == seq, "leaf %d has another number" % seq)
    before = ZERO if seq == 0 else tree.tiles.get((0, (seq - 1) // 256))
    if isinstance(before, list):
        before = before[(seq - 1) % 256]
    need(before is None or b64(value["prev"], 32) == before, "leaf %d does not follow the one before" % seq)
    return value


# ---- 5. records


def check_record(line, leaves):
    record = strict(line)
    need(list(record) == ["seq", "payloads", "salts", "erased"], "a record has other members")
    seq = record["seq"]
    need(seq in leaves, "the leaf of record %s is not here" % seq)
    leaf = leaves[seq]
    there = [name for name in COMPARTMENTS if name in leaf]
    open_ = list(record["payloads"])
    need(open_ == list(record["salts"]), "record %d: a payload without its salt" % seq)
    need(sorted(open_ + record["erased"]) == sorted(there), "record %d does not have its compartments" % seq)
    for name in open_:
        head = b"counterfoil/v1/" + name.encode() + b"\x00" + seq.to_bytes(8, "big")
        got = sha(head + b64(record["salts"][name], 32) + record["payloads"][name].encode())
        need(got == b64(leaf[name], 32), "record %d: %s is not what was committed to" % (seq, name))
    return seq


# ---- 6. the question


def hits(condition, value):
    op = condition["op"]
    if value is None:
        return op == "not"
    text = str(value)
    if "ranges" in condition:
        found = any(first <= int(text) <= last for first, last in condition["ranges"])
    elif op == "prefix":
        found = any(text.startswith(v) for v in condition["values"])
    elif op == "ci":
        found = any(text.lower() == v.lower() for v in condition["values"])
    else:
        found = text in condition["values"]
    return found != (op == "not")


def chooses(query, leaf):
    asked = query["filter"]
    effective = leaf.get("time", leaf["recorded"])
    times = (("from", "to", effective), ("recorded_from", "recorded_to", leaf["recorded"]))
    return (
        leaf["kind"] in asked["kinds"]
        and query["seq_from"] <= leaf["seq"] < query["seq_to"]
        and all(asked.get(first, "") <= t < asked.get(last, "~") for first, last, t in times)
        and all(hits(c, leaf.get(c["member"])) for c in asked["conditions"])
    )


def check_question(query, leaves, seqs):
    need(query["count"] == len(seqs), "there are not as many records as told")
    need(seqs == sorted(set(seqs)), "records are not in their order")
    need(0 <= query["seq_from"] < query["seq_to"] <= query["size"], "the range is none")
    need(all(query["seq_from"] <= seq < query["seq_to"] for seq in seqs), "a record is not of the range")
    need(query["proves"] in (["included"], ["included", "complete"]), "what it proves is not known")
    public = all(c["member"] in PUBLIC and c["op"] != "contains" for c in query["filter"]["conditions"])
    need(public == ("complete" in query["proves"]), "it proves less than it could, or more")
    if not public:
        return
    every = range(query["seq_from"], query["seq_to"])
    need(all(seq in leaves for seq in every), "leaves of the range are missing")
    need(seqs == [seq for seq in every if chooses(query, leaves[seq])], "records are missing, or were not asked for")


def check(directory, vkey):
    bundle = Bundle(directory)
    check_manifest(bundle)
    text = bundle.text("ledger.vkey")
    need(text.endswith("\n"), "ledger.vkey has no end")
    last = Key(text[:-1])
    keys = keys_of(bundle, last)
    need(vkey is None or vkey in [key.text for key, _ in keys], "it is not the log of that key")
    size, root = checkpoint(bundle.text("checkpoint"), last)
    need(key_at(keys, size) is keys[-1][0], "another key signs that size")
    text = bundle.text("query.json")
    need(text.endswith("\n"), "query.json has no end")
    query = strict(text[:-1])
    need((query["v"], query["origin"], query["size"], query["root"]) == (1, last.name, size, base64.b64encode(root).decode()), "query.json is of another checkpoint")
    tree = Tree(bundle, size)
    tree.check(root)
    for name in bundle.names:
        if re.fullmatch(r"checkpoints/\d+", name):
            at, earlier = checkpoint(bundle.text(name), key_at(keys, int(name[12:])))
            need(name == "checkpoints/%d" % at and at < size, "%s is of another size" % name)
            need(tree.root(at) == earlier, "%s is of another tree" % name)
    leaves = leaves_of(bundle, tree)
    text = bundle.text("records.ndjson")
    need(text == "" or text.endswith("\n"), "records.ndjson has no end")
    seqs = [check_record(line, leaves) for line in text.split("\n")[:-1]]
    check_question(query, leaves, seqs)
    known = r"README\.txt|ledger\.vkey|query\.json|checkpoint|(checkpoints/\d+)(\.cosignatures|\.tsr|\.stamped)?|keys/\d+|tile/.*|records\.ndjson|MANIFEST\.sha256"
    for name in bundle.names:
        match = re.fullmatch(known, name)
        need(match, "%s does not belong to it" % name)
        need(not match[2] or match[1] == "checkpoints/%d" % size or match[1] in bundle.names, "%s is of no checkpoint" % name)
        need(match[2] != ".stamped" or match[1] + ".tsr" in bundle.names, "%s is of no time-stamp" % name)
    tiles = len([name for name in bundle.names if name.startswith("tile/")])
    need(tiles == len(tree.tiles) + len([name for name in bundle.names if name.startswith("tile/entries/")]), "a tile is none")
    return "ok: %s, size %d, %d records, %s" % (last.name, size, len(seqs), " and ".join(query["proves"]))


def main():
    try:
        print(check(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
    except (Bad, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        print("NOT OK: %s: %s" % (type(error).__name__, error))
        sys.exit(1)


if __name__ == "__main__":
    main()
