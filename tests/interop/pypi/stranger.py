# SPDX-License-Identifier: MIT
"""stranger.py SITE KIT: what PyPI's sigstore makes of the newest checkpoint and of each receipt, with go/main.go's kit and statuses."""

import base64
import json
import pathlib
import sys
import types
import urllib.request

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import SignedCheckpoint, verify_checkpoint
from sigstore._internal.trust import Keyring
from sigstore_models.common import v1 as common


def log(vkey):
    """The id and the key of a log."""
    _, key_id, key = vkey.split("+", 2)
    der = Ed25519PublicKey.from_public_bytes(base64.b64decode(key)[1:]).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ring = Keyring([types.SimpleNamespace(raw_bytes=der, key_details=common.PublicKeyDetails.PKIX_ED25519)])
    return bytes.fromhex(key_id), ring


def entry(text, key_id):
    """A receipt as sigstore has an entry of a log."""
    head, note = text.split("\n\n", 1)
    magic, extra, index, *hashes = head.split("\n")
    if magic != "c2sp.org/tlog-proof@v1":
        raise ValueError("not a tlog-proof")
    tree = SignedCheckpoint.from_text(note).checkpoint
    proof = types.SimpleNamespace(
        log_index=int(index.removeprefix("index ")),
        tree_size=tree.log_size,
        root_hash=bytes.fromhex(tree.log_hash),
        hashes=[base64.b64decode(line, validate=True) for line in hashes],
        checkpoint=types.SimpleNamespace(envelope=note),
    )
    leaf = json.loads(base64.b64decode(extra.removeprefix("extra "), validate=True))["leaf"]
    inner = types.SimpleNamespace(canonicalized_body=leaf.encode(), inclusion_proof=proof, log_id=types.SimpleNamespace(key_id=key_id))
    return types.SimpleNamespace(_inner=inner)


def accept(vkey, head, receipts):
    key_id, ring = log(vkey)
    SignedCheckpoint.from_text(head).signed_note.verify(ring, key_id)
    for text in receipts:
        receipt = entry(text, key_id)
        verify_checkpoint(ring, receipt)
        verify_merkle_inclusion(receipt)


def main(site, kit):
    kit = pathlib.Path(kit)
    vkey = (kit / "vkey").read_text().split()[-1]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(site.rstrip("/") + "/checkpoint") as answer:
        head = answer.read().decode()
    receipts = [path.read_text() for path in sorted((kit / "receipts").iterdir())]
    if not receipts:
        return 2
    try:
        accept(vkey, head, receipts)
    except Exception as error:  # whatever it says no with
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
