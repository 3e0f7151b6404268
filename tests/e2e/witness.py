#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A witness that does what the test says (C2SP tlog-witness), in plain Python, signatures too.

  witness.py key NAME SEED             print its vkey; SEED is one byte, 32 times the secret key
  witness.py cosign NAME SEED NOTE     print its line for the note in that file
  witness.py serve NAME SEED PORT DIR  listen at 127.0.0.1:PORT

DIR/mode says how it answers; it may change at any time:
  good                         cosign what is consistent with what it has seen, else 409 or 422
  400 403 404 422 500          that status
  slow                         no answer for a minute
  garbage huge other unsigned  200 with bytes, with 1 MiB of them, with another text's signature, with a stranger's line
  ahead                        409 with a size beyond all
  redirect                     302 to DIR/elsewhere
DIR/size is what it has seen, DIR/asked has a line a question.
"""
import base64, hashlib, http.server, os, socketserver, struct, sys, time

q = 2**255 - 19
order = 2**252 + 27742317777372353535851937790883648493
d = -121665 * pow(121666, q - 2, q) % q


def x_of(y):
    xx = (y * y - 1) * pow(d * y * y + 1, q - 2, q)
    x = pow(xx, (q + 3) // 8, q)
    if (x * x - xx) % q:
        x = x * pow(2, (q - 1) // 4, q) % q
    return q - x if x % 2 else x


base = (x_of(4 * pow(5, q - 2, q) % q), 4 * pow(5, q - 2, q) % q)


def add(a, b):
    k = d * a[0] * b[0] * a[1] * b[1]
    return ((a[0] * b[1] + b[0] * a[1]) * pow(1 + k, q - 2, q) % q, (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, q - 2, q) % q)


def mul(point, e):
    out = (0, 1)
    while e:
        if e & 1:
            out = add(out, point)
        point = add(point, point)
        e >>= 1
    return out


def packed(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def secret(seed):
    h = hashlib.sha512(seed).digest()
    return int.from_bytes(h[:32], "little") & ((1 << 254) - 8) | 1 << 254, h[32:]


def public(seed):
    return packed(mul(base, secret(seed)[0]))


def sign(seed, text):
    a, prefix = secret(seed)
    r = int.from_bytes(hashlib.sha512(prefix + text).digest(), "little") % order
    big_r = packed(mul(base, r))
    k = int.from_bytes(hashlib.sha512(big_r + public(seed) + text).digest(), "little")
    return big_r + ((r + k * a) % order).to_bytes(32, "little")


def key_id(name, pub):
    return hashlib.sha256(name.encode() + b"\n\x04" + pub).digest()[:4]


def line(name, seed, text, now):
    signed = b"cosignature/v1\ntime %d\n" % now + text
    body = key_id(name, public(seed)) + struct.pack(">Q", now) + sign(seed, signed)
    return ("— %s " % name).encode() + base64.b64encode(body) + b"\n"


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def consistent(first, second, root1, root2, proof):
    """RFC 9162, 2.1.4.2."""
    if first == second:
        return root1 == root2 and not proof
    if first == 0:
        return not proof
    path = ([root1] if first & (first - 1) == 0 else []) + proof
    if not path:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == root1 and sr == root2 and sn == 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", kind="text/plain", more=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in more:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        name, seed, place = self.server.name, self.server.seed, self.server.place
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(place + "/mode") as f:
            mode = f.read().strip()
        with open(place + "/asked", "a") as f:
            f.write("%s %s\n" % (self.path, body.split(b"\n")[0].decode()))
        head, note = body.split(b"\n\n", 1)
        lines = head.split(b"\n")
        old, proof = int(lines[0][4:]), [base64.b64decode(x) for x in lines[1:]]
        text = note[: note.index(b"\n\n") + 1]
        size, root = int(text.split(b"\n")[1]), base64.b64decode(text.split(b"\n")[2])
        now = int(time.time())
        if mode.isdigit():
            return self.reply(int(mode))
        if mode == "slow":
            time.sleep(60)
        if mode == "garbage":
            return self.reply(200, b"\x00\xff<html>\n" * 10)
        if mode == "huge":
            return self.reply(200, b"x" * (1 << 20))
        if mode == "other":
            return self.reply(200, line(name, seed, b"another\n1\nAAAA\n", now))
        if mode == "unsigned":
            return self.reply(200, line("stranger.example/w", b"\x63" * 32, text, now))
        if mode == "ahead":
            return self.reply(409, b"99999999\n", "text/x.tlog.size")
        if mode == "redirect":
            with open(place + "/elsewhere") as f:
                return self.reply(302, more=[("Location", f.read().strip())])
        seen, known = self.server.seen
        if old > size or self.path != "/w/add-checkpoint":
            return self.reply(400)
        if old != seen:
            return self.reply(409, b"%d\n" % seen, "text/x.tlog.size")
        if not consistent(old, size, known, root, proof):
            return self.reply(422)
        self.server.seen = (size, root)
        with open(place + "/size", "w") as f:
            f.write("%d\n" % size)
        self.reply(200, line("stranger.example/w", b"\x63" * 32, text, now) + line(name, seed, text, now))


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


if __name__ == "__main__":
    what, name, seed = sys.argv[1:4]
    seed = bytes([int(seed)]) * 32
    if what == "key":
        pub = public(seed)
        print("%s+%s+%s" % (name, key_id(name, pub).hex(), base64.b64encode(b"\x04" + pub).decode()))
    elif what == "cosign":
        with open(sys.argv[4], "rb") as note:
            text = note.read().rpartition(b"\n\n")[0] + b"\n"
        sys.stdout.buffer.write(line(name, seed, text, int(time.time())))
    else:
        server = Server(("127.0.0.1", int(sys.argv[4])), Handler)
        server.name, server.seed, server.place, server.seen = name, seed, sys.argv[5], (0, b"")
        server.serve_forever()
