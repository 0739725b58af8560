"""A partner whose ledger is not what it was: forged, truncated, reordered, forked, rolled back by a restore, replayed, or
signed with a key that was retired. Real nodes; the publisher's own store is tampered with, or put back to an older copy.
Each is refused by the other side with a message that names it; nothing of it is taken, and what went before still stands."""

import json
import shutil
import sqlite3
import sys

from taxii_nodes import Pair, indicator

GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"


def give(pair, numbers):
    bundle = pair.folder / "bundle.json"
    objects = [{**indicator(n), "object_marking_refs": [GREEN]} for n in numbers]
    bundle.write_text(json.dumps({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": objects}))
    pair.jp.run("import", bundle)


def held(pair):
    return {r["id"] for r in pair.us.results("search", "--source", "JP-MOD", "--limit", "1000", check=False)}


def refused(pair, *words):
    """The partner's sync says these words, exits 2 and takes nothing."""
    before = held(pair)
    pair.jp.serve()
    try:
        done = pair.us.run("sync", "JP-MOD", check=False)
    finally:
        pair.jp.stop()
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    for word in words:
        assert word in done.stderr, (word, done.stderr)
    assert held(pair) == before, "nothing of it was taken"
    assert "verified" in pair.us.run("ledger", "verify", "--from", "JP-MOD").stdout, "what went before still stands"
    return done.stderr


def synced(pair):
    pair.jp.serve()
    try:
        pair.us.run("sync", "JP-MOD")
    finally:
        pair.jp.stop()


class Kept:
    """A copy of the publisher's folder, to be put back."""

    def __init__(self, pair, name):
        self.home, self.copy = pair.jp.home, pair.folder / f"kept-{name}"
        shutil.copytree(self.home, self.copy, ignore=shutil.ignore_patterns("*.sock", "port", "*.lock"))

    def restore(self):
        shutil.rmtree(self.home)
        shutil.copytree(self.copy, self.home)


def store(pair):
    return sqlite3.connect(pair.jp.home / "realms/live/store.db", isolation_level=None)


def leaves(db):
    return [row[0] for row in db.execute("SELECT id FROM leaf ORDER BY id")]


def tampered(pair, name, tamper, *words):
    """Of what is new: three entries behind those that were synced."""
    before = Kept(pair, name)
    give(pair, range(50, 53))
    db = store(pair)
    tamper(db)
    db.close()
    print(name, refused(pair, *words), end="")
    before.restore()


def forge_record(db):
    at = leaves(db)[-2]
    record = db.execute("SELECT record FROM leaf WHERE id=?", (at,)).fetchone()[0]
    changed = bytes(record).replace(b'"kind":"release"', b'"kind":"releasE"')
    assert changed != bytes(record)
    db.execute("UPDATE leaf SET record=? WHERE id=?", (changed, at))


def forge_body(db):
    body, content = next(row for row in db.execute("SELECT id, bytes FROM body") if b"h51.example" in bytes(row[1]))
    db.execute("UPDATE body SET bytes=? WHERE id=?", (bytes(content).replace(b"h51.example", b"x51.example"), body))


def truncate(db):
    """The last record is gone; the signed checkpoint still counts it."""
    db.execute("DELETE FROM leaf WHERE id=?", (leaves(db)[-1],))


def reorder(db):
    one, two = leaves(db)[-2:]
    rows = {at: db.execute("SELECT record, salt FROM leaf WHERE id=?", (at,)).fetchone() for at in (one, two)}
    db.execute("UPDATE leaf SET record=?, salt=? WHERE id=?", (*rows[two], one))
    db.execute("UPDATE leaf SET record=?, salt=? WHERE id=?", (*rows[one], two))


def main():
    with Pair() as pair:
        give(pair, range(5))
        synced(pair)
        five = Kept(pair, "five")
        first = held(pair)
        assert len(first) >= 5, first

        tampered(pair, "forged record", forge_record, "renkei/jp-mod/", "do not make the root")
        tampered(pair, "forged body", forge_body, "renkei/jp-mod/", "not the one it commits to")
        tampered(pair, "truncated", truncate, "renkei/jp-mod/", "do not make the root")
        tampered(pair, "reordered", reorder, "renkei/jp-mod/", "do not make the root")

        give(pair, range(5, 8))
        synced(pair)
        eight = Kept(pair, "eight")

        # An older copy is put back, and served as if nothing had been: a restore without reconciling, or a replay.
        five.restore()
        print("rolled back", refused(pair, "shorter", "rollback", "evidence"), end="")
        # And grows again, into something else: as long as before, then longer.
        give(pair, range(20, 23))
        print("forked", refused(pair, "fork", "evidence"), end="")
        give(pair, range(23, 26))
        print("forked, longer", refused(pair, "fork", "evidence"), end="")

        # A key that was retired: the partner knows its successor.
        eight.restore()
        pair.jp.run("key", "rotate")
        synced(pair)
        nine = Kept(pair, "nine")
        eight.restore()  # with the old keys, and the card that names them
        give(pair, range(30, 32))
        print("retired TLS key", refused(pair, "the server's key is not the one expected"), end="")
        nine.restore()
        keys = pair.jp.home / "keys"
        shutil.copy(keys / "1/log.key", keys / "2/log.key")  # and under the new TLS key the old hand signs on
        give(pair, range(30, 32))
        print("retired log key", refused(pair, "renkei/jp-mod/", "the signature of JP-MOD does not hold"), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
