#!/usr/bin/env python3
"""Erasure: what is destroyed is in no file of the node any more, its record and reason are, ledgers verify, partners are asked and
answer."""

import json
import shutil
import sqlite3
import subprocess
import sys
import unittest

from agreement_nodes import World, direction, made, stix_id
from taxii_nodes import PROGRAM, bundle

JP, US, KR = "JP-MOD", "US-DOD", "KR-MND"
OPEN = "{clause: %s, outcome: release, types: [all], tlp: [clear, green]}"
ONWARD = "    onward:\n      - {clause: JP-ON, outcome: permit, to: [KR-MND]}\n"


def terms():
    return (direction(JP, US, ["{clause: JP-0, outcome: release, types: [all], tlp: [green], labels: {any: [close]}, redact: {descriptions: true}}",
                               OPEN % "JP-1"], ONWARD)
            + direction(US, KR, ["{clause: US-1, outcome: release, types: [all], tlp: [clear, green], sources: [own, JP-MOD]}"])
            + direction(US, JP, [OPEN % "US-2"]))


def files_with(node, word):
    word = word if isinstance(word, bytes) else word.encode()
    return [str(p.relative_to(node.home)) for p in node.home.rglob("*") if p.is_file() and word in p.read_bytes()]


def store_of(node):
    return next(node.home.rglob("*.db"), None) or next(p for p in node.home.rglob("*") if p.is_file() and p.read_bytes()[:15] == b"SQLite format 3")


def salts(node):
    """All salts a node keeps, of what it gave and what it got."""
    with sqlite3.connect(f"file:{store_of(node)}?mode=ro", uri=True) as db:
        return {bytes(row[0]) for table in ("leaf", "received") for row in db.execute(f"SELECT salt FROM {table} WHERE salt IS NOT NULL")}


def erased(w, name):
    return {e["id"]: e for e in w[name].results("erase", "list")}


class Erasure(unittest.TestCase):
    def test_everywhere_and_with_partners(self):
        with World(JP, US, KR) as w:
            jp, us, kr = w[JP], w[US], w[KR]
            identity = json.loads(jp.run("card").stdout)["card"].get("identity")
            w.agree("tri", w.names, terms())
            secret = made("indicator", 1, name="codename persimmon one", description="about persimmon and only persimmon",
                          created_by_ref=identity, pattern="[domain-name:value = 'persimmon-1.example']")
            newer = {**secret, "modified": "2026-02-01T00:00:00.000Z", "name": "codename persimmon two",
                     "pattern": "[domain-name:value = 'persimmon-2.example']"}
            close = made("malware", 2, name="quince family", description="quince words", created_by_ref=identity, labels=["close"])
            link = made("relationship", 3, created_by_ref=identity, relationship_type="indicates", source_ref=secret["id"], target_ref=stix_id("malware", 9))
            stays = made("malware", 9, name="medlar family", created_by_ref=identity)
            w.give(JP, secret, stays, link, close)
            w.give(JP, newer)
            jp.results("search", "codename")  # what people typed is in the audit, and stays there
            jp.run("index", "build")
            w.sync(US, JP)
            w.sync(KR, US)
            us.results("search", "codename")
            us.run("index", "build")
            self.assertIn(secret["id"], w.held(KR, "indicator"))
            before = {n: salts(w[n]) for n in w.names}
            for node in (jp, us, kr):
                self.assertTrue(files_with(node, "persimmon-2"), "or the search below proves nothing")
            self.assertTrue(files_with(jp, "quince"))

            self.assertIn("--reason", jp.run("erase", secret["id"], check=False).stderr)
            self.assertIn("nothing is held", jp.run("erase", stix_id("indicator", 77), "--reason", "x", check=False).stderr)
            done = {r["id"]: r for r in jp.results("erase", secret["id"], close["id"], "--reason", "court order 17")}
            self.assertEqual(done[secret["id"]]["versions"], 2)
            self.assertEqual(done[secret["id"]]["asked"], 2, "both versions went out")
            self.assertEqual(done[secret["id"]]["withdrawn"], 1, "the relationship that names it")
            self.assertEqual(done[close["id"]]["asked"], 1)
            for word in ("persimmon", "quince"):
                self.assertEqual(files_with(jp, word), [], word)
            gone = before[JP] - salts(jp)
            self.assertEqual(len(gone), 3)
            for salt in gone:
                self.assertEqual(files_with(jp, salt), [])
            self.assertTrue(files_with(jp, "medlar"))
            self.assertEqual(jp.results("search", "codename", check=False), [])
            self.assertEqual(len(jp.results("search", "medlar")), 1, "the rest is found again")
            jp.run("ledger", "verify")
            self.assertEqual(erased(w, JP)[secret["id"]]["reason"], "court order 17")
            self.assertEqual({a["answer"] for a in erased(w, JP)[secret["id"]]["asked"]}, {"none yet"})
            shown = jp.run("show", secret["id"], "--history", check=False)
            self.assertNotIn("persimmon", shown.stdout + shown.stderr)
            # It does not come in again, from here or from a partner.
            self.assertIn("erased here", jp.run("import", w.folder / f"{JP}-objects.json", check=False).stderr)

            # The partner: out of what counts at once, destroyed by an officer's decision, answered at the next sync.
            w.sync(US, JP)
            self.assertNotIn(secret["id"], w.held(US, "indicator"))
            asked = us.results("erase", "requests")
            self.assertEqual({r["id"] for r in asked}, {secret["id"], *(r["id"] for r in asked if r["id"].startswith("malware"))})
            derived = next(r["id"] for r in asked if r["id"].startswith("malware"))
            self.assertNotEqual(derived, close["id"], "redacted, so under another id")
            self.assertTrue(files_with(us, "persimmon"), "kept until somebody decides")
            us.run("erase", "accept", secret["id"])
            us.run("erase", "refuse", derived, "--reason", "our own law keeps it for a year")
            self.assertEqual(files_with(us, "persimmon"), [])
            for salt in before[US] - salts(us):
                self.assertEqual(files_with(us, salt), [])
            us.run("ledger", "verify")
            us.run("ledger", "verify", "--from", JP)
            w.sync(US, JP)
            self.assertEqual({a["answer"] for a in erased(w, JP)[secret["id"]]["asked"]}, {"erased"})
            answer = erased(w, JP)[close["id"]]["asked"][0]
            self.assertEqual((answer["to"], answer["answer"], answer["reason"]), (US, "refused", "our own law keeps it for a year"))

            # What the partner had passed on: it asks the third, which obeys by configuration.
            config = kr.home / "renkei.yaml"
            config.write_text(config.read_text() + "erasures: obey\n")
            w.sync(KR, US)
            self.assertEqual(files_with(kr, "persimmon"), [])
            self.assertEqual({a["answer"] for a in erased(w, US)[secret["id"]]["asked"] if a["to"] == KR}, {"erased"})
            self.assertEqual(kr.run("ledger", "verify", "--from", US).returncode, 0)
            jp.run("audit", "verify")

            # Lifted, it may come in again.
            jp.run("erase", "lift", secret["id"])
            w.give(JP, secret)
            self.assertTrue(files_with(jp, "persimmon"))

    def test_what_a_restore_brings_back_is_erased_again(self):
        close = "{clause: JP-0, outcome: release, types: [all], tlp: [green], labels: {any: [close]}, redact: {descriptions: true}}"
        with World(JP, US, KR) as w:
            jp, us, kr = w[JP], w[US], w[KR]
            w.agree("tri", w.names, direction(JP, US, [close, OPEN % "JP-1"]) + direction(JP, KR, [OPEN % "JP-2"])
                    + direction(US, JP, [OPEN % "US-1"]) + direction(KR, JP, [OPEN % "KR-1"]))
            secret, stays = made("indicator", 1, name="persimmon"), made("malware", 9, name="medlar")
            derived = made("malware", 2, name="quince", description="quince words", labels=["close"])
            # It goes out, redacted, only when its target does: after the backup.
            late = made("relationship", 3, relationship_type="indicates", source_ref=secret["id"], target_ref=stix_id("malware", 8),
                        description="mulberry", labels=["close"])
            meanwhile = made("malware", 7, name="damson")
            w.give(JP, secret, stays, derived, late, meanwhile)
            w.sync(US, JP)
            w.sync(KR, JP)
            backup = w.folder / "backup"
            jp.run("backup", backup)
            w.give(JP, made("malware", 8, name="its target"))
            w.sync(US, JP)
            self.assertEqual(len(w.held(US, "relationship")), 1)
            jp.run("erase", late["id"], secret["id"], derived["id"], "--reason", "court order 17")
            w.sync(US, JP)
            words = ("persimmon", "quince words", "mulberry")
            for word in words:
                self.assertEqual(files_with(jp, word), [], word)

            jp.stop()
            shutil.rmtree(jp.home)
            jp.run("restore", backup)
            for word in words:
                self.assertTrue(files_with(jp, word), word)
            # What is erased while the ledgers are on hold is gone at once, and recipients are asked when they are free.
            jp.run("erase", meanwhile["id"], "--reason", "court order 18")
            self.assertEqual(files_with(jp, "damson"), [])
            self.assertEqual(erased(w, JP)[meanwhile["id"]]["asked"], [])
            jp.run("ledger", "audit")
            w.sync(JP, US)
            for word in words:
                self.assertEqual(files_with(jp, word), [], word)
            self.assertTrue(files_with(jp, "medlar"))
            known = erased(w, JP)
            self.assertEqual(set(known), {late["id"], secret["id"], derived["id"], meanwhile["id"]})
            self.assertEqual({a["to"] for a in known[secret["id"]]["asked"]}, {US}, "the other ledger is on hold still")
            again = w.folder / "again.json"
            again.write_text(json.dumps(bundle([secret])))
            self.assertIn("erased here", jp.run("import", again, check=False).stderr)
            jp.run("ledger", "audit")

            # KR-MND never heard of it: it is asked now.
            w.sync(JP, KR)
            for one in (secret, meanwhile):
                self.assertEqual(sorted(a["to"] for a in erased(w, JP)[one["id"]]["asked"]), [KR, US])
            self.assertEqual(erased(w, JP)[meanwhile["id"]]["reason"], "court order 18")
            jp.run("ledger", "audit")
            w.sync(KR, JP)
            self.assertIn(secret["id"], {r["id"] for r in kr.results("erase", "requests")})
            kr.run("erase", "accept", secret["id"])
            w.sync(KR, JP)
            self.assertEqual({a["answer"] for a in erased(w, JP)[secret["id"]]["asked"] if a["to"] == KR}, {"erased"})
            w.sync(US, JP)
            for node in (us, kr):
                node.run("ledger", "verify", "--from", JP)
            jp.run("audit", "verify")

    def test_an_interrupted_cleaning_is_finished(self):
        with World(JP, US) as w:
            jp = w[JP]
            w.agree("open", (JP, US), direction(JP, US, [OPEN % "JP-1"]))
            w.give(JP, *(made("indicator", n, name=f"common {n}") for n in range(2000)), made("indicator", 5000, name="persimmon"))
            for attempt in range(6):
                one = stix_id("indicator", 1 + attempt)
                process = subprocess.Popen([PROGRAM, "--home", jp.home, "erase", one, "--reason", "x"],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    process.wait(timeout=0.02 * (attempt + 1))
                except subprocess.TimeoutExpired:
                    process.kill()
                process.wait()
                jp.run("ledger", "verify")
            jp.run("erase", stix_id("indicator", 5000), "--reason", "x")
            jp.run("erase", "scrub")
            self.assertEqual(files_with(jp, "persimmon"), [])
            for e in jp.results("erase", "list"):
                number = int(e["id"][-12:], 16)
                self.assertEqual(files_with(jp, f'"name":"common {number}"') + files_with(jp, f'"name": "common {number}"'), [])
            jp.run("ledger", "verify")
            jp.run("audit", "verify")

    def test_a_running_server_serves_nothing_of_it(self):
        with World(JP, US) as w:
            jp, us = w[JP], w[US]
            w.agree("open", (JP, US), direction(JP, US, [OPEN % "JP-1"]))
            w.give(JP, *(made("indicator", n, name=f"persimmon {n}") for n in range(1, 50)))
            w.sync(US, JP)
            jp.run("erase", stix_id("indicator", 7), "--reason", "x")
            self.assertEqual(files_with(jp, '"persimmon 7"'), [], "while it serves")
            w.sync(US, JP)
            us.run("erase", "accept", stix_id("indicator", 7))
            w.sync(US, JP)
            self.assertEqual({a["answer"] for a in erased(w, JP)[stix_id("indicator", 7)]["asked"]}, {"erased"})
            self.assertEqual(len(w.held(US, "indicator")), 48)
            # A fresh recipient pulls the whole ledger with the hole in it.
            us.run("ledger", "verify", "--from", JP)


if __name__ == "__main__":
    sys.exit(unittest.main())
