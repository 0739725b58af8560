"""A real ledger under the eyes of a verifier that others wrote: aics-tlog reads its checkpoints, the partner's cosignature,
its tiles, every record, receipts, and that a later head only added to an earlier one."""

import base64
import json
import sys

from taxii_nodes import Pair, indicator, skip

try:
    import aics_tlog as tlog
    import requests
except ImportError as missing:
    skip(f"no {missing.name}")

requests.packages.urllib3.disable_warnings()
FIRST, SECOND = 300, 20  # a full tile of 256 and a partial one


def canonical(record):
    """RFC 8785, of records: no numbers but small integers, no names beyond ASCII."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def give(pair, numbers):
    bundle = pair.folder / "bundle.json"
    objects = [{**indicator(n), "object_marking_refs": ["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]} for n in numbers]
    bundle.write_text(json.dumps({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": objects}))
    pair.jp.run("import", bundle)


def card_key(node, name):
    return base64.b64decode(json.loads(node.card.read_text())["card"][name].removeprefix("ed25519:"))


class Ledger:
    """As a partner reads it: over TLS with his own certificate."""

    def __init__(self, pair):
        self.session = requests.Session()
        self.session.verify = False
        self.session.cert = pair.us.client_certificate
        self.url = f"https://127.0.0.1:{pair.jp.port}/renkei/v1/ledgers/"
        self.name = pair.jp.results("ledger", "show")[0]["collection"]
        self.log = tlog.vkey_from_ed25519("JP-MOD", card_key(pair.jp, "log_key"))
        self.witness = tlog.cosignature_vkey("US-DOD", card_key(pair.us, "log_key"))

    def get(self, path):
        answer = self.session.get(self.url + f"{self.name}/{path}", timeout=30)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.content

    def head(self, quorum=0):
        note = tlog.parse_note(self.get("checkpoint"))
        verdict = tlog.verify_checkpoint(note, self.log, [self.witness], quorum)
        assert verdict.ok, verdict
        return tlog.parse_checkpoint(note.text)

    def tiles(self):
        """A reader over what the node serves, fetched as it is asked for."""
        ledger = self

        class Reader:
            def read_tile(self, level, index, width):
                return ledger.get(tlog.tiles.tile_path(level, index, width))

            def read_entry_bundle(self, index, width):
                return ledger.get(tlog.tiles.entry_bundle_path(index, width))

        return Reader()


def receipt_of(node, object):
    """C2SP tlog-proof@v1: extra data (the entry), index, hashes, note."""
    text = node.run("ledger", "prove", object, "--to", "US-DOD").stdout
    first, rest = text.split("\n", 1)
    assert first == "c2sp.org/tlog-proof@v1", first
    proof, note = rest.split("\n\n", 1)
    lines = proof.splitlines()
    if lines[0].startswith("extra "):
        assert json.loads(base64.b64decode(lines.pop(0).removeprefix("extra ")))["object"] == object
    return int(lines[0].removeprefix("index ")), [base64.b64decode(l) for l in lines[1:]], tlog.parse_note(note)


def main():
    with Pair() as pair:
        give(pair, range(FIRST))
        pair.jp.serve()
        pair.us.run("sync", "JP-MOD")
        ledger = Ledger(pair)
        old = ledger.head()
        assert old.size >= FIRST, old
        report = tlog.audit_tiles(ledger.tiles(), old.size, old.root)
        assert report.tiles == 3 and report.bundles == 2, report
        records = [e["record"] for e in pair.jp.results("ledger", "entries", "--to", "US-DOD", "--limit", "1000")]
        assert len(records) == old.size

        reader = tlog.VerifiedTileReader(ledger.tiles(), old.size, old.root)
        for at in (0, 1, 255, 256, old.size - 1):
            assert reader.entry(at) == canonical(records[at]), at

        give(pair, range(FIRST, FIRST + SECOND))
        pair.us.run("sync", "JP-MOD")
        new = ledger.head()
        assert new.size == old.size + SECOND
        proof = tlog.consistency_proof_from_tiles(ledger.tiles(), old.size, new.size)
        assert tlog.verify_consistency(old.size, new.size, old.root, new.root, proof)
        other = bytes([old.root[0] ^ 1]) + old.root[1:]
        assert not tlog.verify_consistency(old.size, new.size, other, new.root, proof)

        records = [e["record"] for e in pair.jp.results("ledger", "entries", "--to", "US-DOD", "--limit", "1000")]
        for at in (0, 7, 255, 256, new.size - 1):
            index, hashes, note = receipt_of(pair.jp, records[at]["object"])
            assert index == at, (index, at)
            assert tlog.verify_checkpoint(note, ledger.log).ok
            head = tlog.parse_checkpoint(note.text)
            leaf = canonical(records[at])
            assert tlog.verify_leaf_inclusion(leaf, index, head.size, hashes, head.root), at
            assert not tlog.verify_leaf_inclusion(leaf.replace(b"release", b"withdra"), index, head.size, hashes, head.root)
        ledger.head(quorum=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
