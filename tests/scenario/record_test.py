#!/usr/bin/env python3
"""The record: receipts that verify and those that do not, the audit of everything kept, what the partner has seen, alarms."""

import json
import shutil
import sqlite3
import sys
import unittest

from agreement_nodes import World, direction, made, stix_id

JP, US = "JP-MOD", "US-DOD"
RULES = ["{clause: JP-0, outcome: release, types: [all], tlp: [green], labels: {any: [close]}, redact: {descriptions: true}}",
         "{clause: JP-1, outcome: release, types: [all], tlp: [clear, green]}"]


class Tampering:
    """with Tampering(node) as db: the node's store, opened by somebody; put back afterwards."""

    def __init__(self, node):
        self.path = node.home / "realms/live/store.db"

    def __enter__(self):
        self.copy = self.path.with_suffix(".copy")
        with sqlite3.connect(self.path) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(self.path, self.copy)
        self.db = sqlite3.connect(self.path)
        return self.db

    def __exit__(self, *failure):
        self.db.close()
        for path in self.path.parent.glob("store.db-*"):
            path.unlink()
        shutil.move(self.copy, self.path)


def other_bytes(db):
    db.execute("UPDATE body SET bytes=CAST(replace(CAST(bytes AS TEXT),'host 9','host 8') AS BLOB) WHERE CAST(bytes AS TEXT) LIKE '%host 9\"%'")
    assert db.total_changes == 1


def findings(node):
    done = node.run("--json", "ledger", "audit", check=False)
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [v["message"] for v in verdicts if not v["verified"]]
    assert done.returncode == (1 if wrong else 0), (done.returncode, done.stderr)
    return verdicts, wrong


class Record(unittest.TestCase):
    def setUp(self):
        self.world = World(JP, US)
        w = self.world.__enter__()
        self.addCleanup(self.world.__exit__)
        self.jp, self.us = w[JP], w[US]
        w.agree("terms", (JP, US), direction(JP, US, RULES) + direction(US, JP, [RULES[1].replace("JP-1", "US-1")]))
        w.give(JP, *(made("indicator", n) for n in range(1, 300)), made("malware", 500, labels=["close"], description="words"))
        w.give(JP, made("indicator", 7, name="newer", modified="2026-02-02T00:00:00.000Z"))
        w.give(US, made("malware", 900))
        w.sync(US, JP)
        w.sync(JP, US)
        self.jp.stop()
        self.us.stop()

    def audit(self, node, tamper, *words):
        with Tampering(node) as db:
            tamper(db)
            db.commit()
            wrong = findings(node)[1]
        self.assertEqual(len(wrong), 1, wrong)
        for word in words:
            self.assertIn(word, wrong[0])
        self.assertEqual(findings(node)[1], [])

    def test_audit(self):
        verdicts, wrong = findings(self.jp)
        self.assertEqual(wrong, [])
        own = next(v for v in verdicts if v["role"] == "published")
        self.assertEqual((own["releases"], own["opened"]), (302, 302))
        self.assertEqual({v["role"] for v in verdicts}, {"published", "received", "audit log"})
        received = next(v for v in findings(self.us)[0] if v["role"] == "received")
        self.assertEqual((received["size"], received["releases"], received["opened"]), (302, 302, 302))

        self.audit(self.jp, other_bytes,
                   "not those that were released")
        self.audit(self.jp, lambda db: db.execute("UPDATE leaf SET salt=zeroblob(32) WHERE id&1023=5"), "not those that were released")
        self.audit(self.jp, lambda db: db.execute("UPDATE entry SET state=0 WHERE state=1"), "newer one of its object")
        self.audit(self.jp, lambda db: db.execute("UPDATE entry SET state=1 WHERE id&1023=9"), "entry")
        self.audit(self.jp, lambda db: db.execute("UPDATE entry SET state=2 WHERE id&1023=9"), "no record says so")
        self.audit(self.jp, lambda db: db.execute("UPDATE meta SET value=zeroblob(32) WHERE name LIKE '%secret%'"), "not the derived one")
        self.audit(self.jp, lambda db: db.execute("UPDATE audit SET outcome='nothing' WHERE id=3"), "3")
        self.audit(self.us, other_bytes,
                   "not the one that was received")
        self.audit(self.us, lambda db: db.execute("DELETE FROM received WHERE id=(SELECT max(id) FROM received)"), "checkpoint")

    def test_receipts(self):
        object = stix_id("indicator", 3)
        receipt, opening = self.world.folder / "receipt.txt", self.world.folder / "opening.json"
        receipt.write_text(self.jp.run("ledger", "prove", object, "--to", US, "--opening", opening).stdout)
        self.assertEqual(opening.stat().st_mode & 0o777, 0o600)
        for node in (self.jp, self.us):
            said = node.results("ledger", "verify-receipt", receipt, "--opening", opening)[0]
            self.assertEqual((said["publisher"], said["kind"], said["object"], said["clauses"], said["opened"]),
                             (JP, "release", object, ["JP-1"], True))
        self.assertFalse(self.us.results("ledger", "verify-receipt", receipt)[0]["opened"])
        self.assertNotIn("h4.example", receipt.read_text() + opening.read_text(), "no other entry is shown")
        self.assertNotIn("h3.example", receipt.read_text(), "nor the object, but to whom it is opened")

        said = json.loads(opening.read_text())
        opening.write_text(json.dumps({**said, "object": said["object"].replace("h3", "h4")}))
        refused = self.us.run("ledger", "verify-receipt", receipt, "--opening", opening, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("not the one that was released", refused.stderr)
        text = receipt.read_text()
        lines = text.splitlines()
        for at, line in enumerate(lines):
            if not line or "cosig" in line:
                continue
            changed = line[:-2] + ("A" if line[-2] != "A" else "B") + line[-1]
            forged = self.world.folder / "forged.txt"
            forged.write_text("\n".join([*lines[:at], changed, *lines[at + 1:]]) + "\n")
            done = self.us.run("ledger", "verify-receipt", forged, check=False)
            last = at == len(lines) - 1  # the partner's cosignature, which a receipt holds without
            self.assertTrue(done.returncode in (1, 2) or last, (at, line, done.stdout))
        # Of a record, by its number; and by a rotated key.
        self.jp.run("withdraw", object, "--from", US)
        self.jp.run("key", "rotate")
        receipt.write_text(self.jp.run("ledger", "prove", "--entry", "302", "--to", US).stdout)
        self.assertEqual(self.jp.results("ledger", "verify-receipt", receipt)[0]["kind"], "withdraw")
        self.assertEqual(self.us.run("ledger", "verify-receipt", receipt, check=False).returncode, 1, "a key it has not heard of")
        self.world.sync(US, JP)
        self.assertEqual(self.us.results("ledger", "verify-receipt", receipt)[0]["object"], object)
        again = self.jp.run("ledger", "prove", object, "--to", US, "--opening", opening, check=False)
        self.assertEqual(again.returncode, 2)

    def test_what_the_partner_has_seen(self):
        object = stix_id("indicator", 3)
        self.jp.run("withdraw", object, "--from", US)
        listed = [e for e in self.jp.results("disclosed", "--to", US, "--list") if e.get("id") == object]
        self.assertEqual([(e["kind"], e["confirmed"]) for e in listed], [("release", True), ("withdraw", False)])
        self.world.sync(US, JP)
        listed = [e for e in self.jp.results("disclosed", "--to", US, "--list") if e.get("id") == object]
        self.assertEqual([(e["kind"], e["confirmed"]) for e in listed], [("release", True), ("withdraw", True)])

    def test_why_it_came(self):
        object = stix_id("indicator", 7)
        self.jp.run("withdraw", object, "--from", US)
        self.world.sync(US, JP)
        came = self.us.results("why", object, "--from", JP)[0]["records"]
        self.assertEqual([(r["clauses"], r["title"], r["state"], r["version"][:10]) for r in came],
                         [(["JP-1"], "terms", "withdrawn", "2026-01-01"), (["JP-1"], "terms", "withdrawn", "2026-02-02")])
        self.assertIn("clause JP-1", self.us.run("why", stix_id("indicator", 9), "--from", JP).stdout)
        self.assertIn("did not come from", self.us.run("why", stix_id("malware", 900), "--from", JP, check=False).stderr)

    def test_alarms(self):
        self.assertEqual(self.us.run("ledger", "alarms", check=False).returncode, 1, "none yet")
        with Tampering(self.jp) as db:
            self.world.give(JP, made("indicator", 1000))
            self.world.sync(US, JP)
            self.jp.stop()
        self.world.give(JP, made("indicator", 2000))
        self.jp.serve()
        self.assertIn("fork", self.us.run("sync", JP, check=False).stderr)
        alarm = self.us.results("ledger", "alarms")[0]
        self.assertIn("fork", alarm["why"])
        heads = [alarm["seen_before"].splitlines(), alarm["served_now"].splitlines()]
        self.assertEqual([h[1] for h in heads], ["303", "303"])
        self.assertNotEqual(heads[0][2], heads[1][2], "two roots of one size, both signed")
        self.assertIn(heads[1][2], self.us.run("ledger", "alarms").stdout)


if __name__ == "__main__":
    sys.exit(unittest.main())
