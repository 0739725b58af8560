#!/usr/bin/env python3
"""The demonstration, held to what it promises: what arrives, what never does, what is found, what comes back.

RENKEI_SOURCE and RENKEI_PROGRAM name the source tree and the program.
"""

import filecmp
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ.get("RENKEI_SOURCE", Path(__file__).resolve().parents[2]))
PROGRAM = os.environ.get("RENKEI_PROGRAM", str(SOURCE / "build/renkei"))
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "examples"))
import demo  # noqa: E402

BUNDLE = {o["id"]: o for o in json.loads((SOURCE / "examples/intelligence/tidal-heron.json").read_text())["objects"]}
# What the agreement keeps in Japan: by name, or by the relationship's end.
WITHHELD = {"Relay between HERONGATE and its operators", "Address seen once beside HERONGATE",
            "Staging server found inside a Japanese network"}
KEPT = {id for id, o in BUNDLE.items() if o.get("name") in WITHHELD}
KEPT |= {id for id, o in BUNDLE.items() if KEPT & {o.get("source_ref"), o.get("target_ref")}}
# What the telemetry holds, by the log that shows it: (log, value) and how often.
SEEN = {
    ("smtp", "it-desk@mail-quota.example"): 1,
    ("dns", "sync.tidal-heron.example"): 3,
    ("http", "http://mail-quota.example/renew/form.hta"): 1,
    ("http", "203.0.113.21"): 1,
    ("files", "7e8335ea84548a00b0c5654db2b816504766690c813a048eb502a711d9780d55"): 1,
    ("files", "1b2ddac47e3d541e3a985861e44102af31699e276b31f29e9d65e9a59501531a"): 1,
    ("files", "851700dd872ac223f4851cff80a6c151"): 1,
    ("files", "203.0.113.21"): 1,
    ("conn", "203.0.113.21"): 1,
    ("conn", "203.0.113.66"): 6,
    ("conn", "203.0.113.200"): 1,
    ("files", "hg64.bin"): 1,  # of the pattern: the page, then the loader, within ten minutes
    ("ssl", "203.0.113.66"): 6,
    ("ssl", "sync.tidal-heron.example"): 3,
}


class DemoTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="renkei-demo-")
        cls.output = io.StringIO()
        cls.demo = demo.Demo(PROGRAM, cls.folder.name, cls.output, width=0)
        try:
            cls.demo.play()
        except demo.Failed:
            print(cls.output.getvalue())
            raise

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def held(self, node, *flags):
        return {r["id"]: r for r in self.demo.results(node, "search", "--limit", "1000", *flags)}

    def test_what_was_released_arrives_byte_for_byte(self):
        arrived = self.held("us", "--source", "JP-MOD")
        self.assertEqual(set(BUNDLE) - KEPT, set(BUNDLE) & set(arrived))
        for id in set(BUNDLE) - KEPT:
            self.assertEqual(self.demo.run("jp", "--json", "show", id, quiet=True).split('"object":')[1],
                             self.demo.run("us", "--json", "show", id, quiet=True).split('"object":')[1])

    def test_what_was_withheld_leaves_no_trace(self):
        """Neither an id nor a word of it is anywhere in the recipient's folder."""
        traces = [id.encode() for id in KEPT] + [b"relay.tidal-heron.example", b"must not be lost", b"203.0.113.121",
                                                 b"stage.tidal-heron.example"]
        for path in Path(self.folder.name, "us").rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                for trace in traces:
                    self.assertNotIn(trace, content, path)

    def test_every_sign_of_the_intrusion_alerts_and_nothing_else(self):
        shown = self.output.getvalue()
        for (log, value), times in SEEN.items():
            rows = [l for l in shown.splitlines() if value in l.split() and f"{log}.ndjson:" in l]
            self.assertEqual(len(rows), times, (log, value))
        self.assertRegex(shown, r"hg64.bin .*Page, then loader, within ten minutes .* http.ndjson:9, files.ndjson:10\n")
        self.assertIn(f"{sum(SEEN.values())} alerts", shown)

    def test_the_sightings_name_the_party_and_not_the_agency(self):
        back = self.held("jp", "--type", "sighting", "--source", "US-DOD")
        kept = self.held("us", "--type", "sighting")
        self.assertEqual(set(back) & set(kept), set(), "an object that was redacted is another object")
        said, meant = ([self.demo.results(node, "show", id)[0]["object"] for id in ids] for node, ids in
                       (("jp", back), ("us", kept)))
        for sighting in said:
            self.assertEqual(sighting["where_sighted_refs"], [sighting["created_by_ref"]])
        facts = [sorted((s["sighting_of_ref"], s["first_seen"], s["last_seen"], s["count"]) for s in side)
                 for side in (said, meant)]
        self.assertEqual(*facts)
        self.assertEqual(len(said), 12)
        self.assertLessEqual({s["sighting_of_ref"] for s in said}, set(self.held("jp", "--source", "own")))
        for path in Path(self.folder.name, "jp").rglob("*"):
            if path.is_file():
                self.assertNotIn(b"NAVY-1", path.read_bytes(), path)

    def test_ledgers_verify_and_are_cosigned_to_their_end(self):
        for node, other in (("jp", "US-DOD"), ("us", "JP-MOD")):
            ledger, = self.demo.results(node, "ledger", "show")
            self.assertEqual(ledger["recipient"], other)
            self.assertEqual(ledger["cosigned_size"], ledger["size"])
            for flag in ("--to", "--from"):
                verdict, = self.demo.results(node, "ledger", "verify", flag, other)
                self.assertTrue(verdict["verified"])

    def test_a_further_sync_brings_nothing(self):
        try:
            for node in demo.NODES:
                self.demo.serve(node)
            for node, other in (("us", "JP-MOD"), ("jp", "US-DOD")):
                result, = [r for r in self.demo.results(node, "sync", other) if "ledgers" in r]
                self.assertEqual(result["added"], 0)
        finally:
            self.demo.stop()


class TelemetryTest(unittest.TestCase):
    def test_the_generator_writes_the_files_that_are_kept(self):
        kept = SOURCE / "examples/telemetry"
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, kept / "generate.py", folder], check=True)
            names = sorted(p.name for p in kept.glob("*.ndjson"))
            self.assertEqual(names, sorted(p.name for p in Path(folder).iterdir()))
            _, different, missing = filecmp.cmpfiles(kept, folder, names, shallow=False)
            self.assertEqual((different, missing), ([], []))


if __name__ == "__main__":
    unittest.main()
