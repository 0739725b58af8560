"""renkei pattern: what it says of patterns, and what patterns say of observations. OASIS's own cases, through the program."""

import collections
import gzip
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from commands import DONE, NO, PROGRAM, SECONDS, TROUBLE

SOURCE = Path(os.environ.get("RENKEI_SOURCE", Path(__file__).resolve().parents[2]))
OASIS = Path(os.environ.get("RENKEI_SHARED_DATA", SOURCE.parent / "shared/data"), "patterns/oasis-pattern-cases.json")
# What pattern_check() refuses and the grammar does not: the reference's column is the grammar's, so there is none.
MEANING = "semantic-"


def observed(number, first, objects, times=1):
    return {"type": "observed-data", "spec_version": "2.1", "id": f"observed-data--00000000-0000-4000-8000-{number:012}",
            "created": first, "modified": first, "first_observed": first, "last_observed": first, "number_observed": times,
            "object_refs": [o["id"] for o in objects]}


def sco(type, number, **properties):
    return {"type": type, "spec_version": "2.1", "id": f"{type}--00000000-0000-4000-8000-{number:012}", **properties}


class Patterns(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="renkei-pattern-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_it(self, *arguments, code=DONE, stdin=None):
        done = subprocess.run([PROGRAM, *arguments], input=stdin, capture_output=True, text=True, timeout=SECONDS, check=False)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        return done

    def write(self, name, content):
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    def bundle(self):
        page = sco("url", 1, value="http://a.example/p")
        drop = sco("file", 2, name="drop.exe", size=77)
        return [{"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000001", "objects": [
                    observed(1, "2026-01-01T00:00:00Z", [page]), page]},
                {"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000002", "objects": [
                    observed(2, "2026-01-01T00:01:00Z", [drop], 3), drop]}]

    SEQUENCE = "([url:value = 'http://a.example/p'] FOLLOWEDBY [file:name = 'drop.exe']) WITHIN 60 SECONDS"

    def test_check_says_ok_or_where_and_what_was_expected(self):
        self.assertEqual(self.run_it("pattern", "check", self.SEQUENCE).stdout, "ok\n")
        said = self.run_it("pattern", "check", "[file:name = ]", code=TROUBLE).stderr.splitlines()
        self.assertIn("column 14: expected a value", said[0])
        self.assertEqual(said[1].index("]"), said[2].index("^"))
        said = self.run_it("pattern", "check", "[file:name = '" + "連" * 200 + "' AND AND]", code=TROUBLE).stderr.splitlines()
        self.assertIn("column 221", said[0])
        self.assertEqual(said[1][said[2].index("^"):][:3], "AND", said)
        self.assertIn("64 hexadecimal digits",
                      self.run_it("pattern", "check", "[file:hashes.'SHA-256' = 'f00']", code=TROUBLE).stderr)
        self.assertIn("does not compile", self.run_it("pattern", "check", "[a:b MATCHES '(']", code=TROUBLE).stderr)

    def test_a_list_of_patterns_gets_a_line_each(self):
        said = self.run_it("pattern", "check", "-", code=TROUBLE, stdin="[a:b = 1]\r\n\n[a:b = ]\n[a:b = 2]").stdout.splitlines()
        self.assertEqual((said[0], said[2]), ("ok", "ok"))
        self.assertTrue(said[1].startswith("bad pattern: column 8: "), said)
        self.run_it("pattern", "check", "-", stdin="[a:b = 1]\n")
        self.run_it("pattern", "check", "-", stdin="", code=NO)
        both = self.run_it("--json", "pattern", "check", "-", code=TROUBLE, stdin="[a:b = 1]\n[a:b = ]\n").stdout.splitlines()
        good, bad = map(json.loads, both)
        self.assertEqual((good["valid"], bad["valid"], bad["column"], bad["offset"]), (True, False, 8, 7))
        # No bytes from outside steer the terminal, and what is no UTF-8 or NUL is refused with its place.
        self.assertNotIn("\x1b", self.run_it("pattern", "check", "[a:b = \x1b[31m]", code=TROUBLE).stderr)
        raw = subprocess.run([PROGRAM, "pattern", "check", "-"], input=b"[a:b = '\xff']\n[a:b = '\x00']\n", timeout=SECONDS,
                             capture_output=True, check=False)
        self.assertEqual(raw.returncode, TROUBLE)
        self.assertEqual(len(raw.stdout.splitlines()), 2)

    def test_explain_tells_parts_prefilter_and_state(self):
        said = self.run_it("pattern", "explain", self.SEQUENCE).stdout
        for part in ("FOLLOWEDBY", "WITHIN 60 seconds", "[2] one observation", "only lines with the url", "takes 2"):
            self.assertIn(part, said)
        self.assertIn("nothing to look for first (file:size !=)", self.run_it("pattern", "explain", "[file:size != 3]").stdout)
        self.assertIn("for 1 min, and 5 min longer", said)
        self.assertIn("alone", self.run_it("pattern", "explain", "[a:b = 1] FOLLOWEDBY [a:b = 2] WITHIN 60 SECONDS").stdout)
        told = json.loads(self.run_it("--json", "pattern", "explain", "[file:size != 3] AND [file:name = 'x']").stdout)
        self.assertEqual((told["open"], told["stateful"], told["window_seconds"], told["window_by_default"]),
                         ([1], True, 3600, True))
        self.run_it("pattern", "explain", "[", code=TROUBLE)

    def test_test_takes_every_shape_of_stix(self):
        bundles = self.bundle()
        objects = [o for b in bundles for o in b["objects"]]
        shapes = {"array.json": bundles, "one.json": {**bundles[0], "objects": objects},
                  "pretty.json": json.dumps(bundles, indent=4), "objects.json": objects,
                  "lines.ndjson": "\n".join(json.dumps(o) for o in objects),
                  "bundles.ndjson": "".join(json.dumps(b) + "\n" for b in bundles),
                  "old.json": [{"type": "observed-data", "id": "observed-data--00000000-0000-4000-8000-000000000009",
                                "first_observed": o["first_observed"], "last_observed": o["last_observed"],
                                "number_observed": o["number_observed"],
                                "objects": {"0": {k: v for k, v in thing.items() if k not in ("id", "spec_version")}}}
                               for o, thing in (b["objects"] for b in bundles)]}
        shapes["old-pretty.json"] = json.dumps(shapes["old.json"], indent=1)
        for name, content in shapes.items():
            path = self.write(name, content)
            self.assertEqual(self.run_it("pattern", "test", self.SEQUENCE, path).stdout, "match 0 1\n", name)
            self.assertEqual(self.run_it("pattern", "test", "[file:name = 'drop.exe'] REPEATS 3 TIMES", path).stdout, "match 1\n")
            self.assertEqual(self.run_it("pattern", "test", "[file:name = 'no']", path, code=NO).stdout, "no match\n")
        packed = self.folder / "array.json.gz"
        packed.write_bytes(gzip.compress(json.dumps(bundles).encode()))
        self.run_it("pattern", "test", self.SEQUENCE, packed)
        # Lone observables, each an observation; no case is folded.
        lone = self.write("lone.json", [o for o in objects if o["type"] != "observed-data"])
        self.assertEqual(self.run_it("pattern", "test", "[file:size > 76]", lone).stdout, "match 1\n")
        bare = [{k: v for k, v in o.items() if k != "spec_version"} for o in objects if o["type"] != "observed-data"]
        for name, content in {"bare.json": bare, "bare-pretty.json": json.dumps(bare, indent=2),
                              "bare.ndjson": "\n".join(map(json.dumps, bare)), "single.json": json.dumps(bare[1], indent=1)}.items():
            said = self.run_it("pattern", "test", "[file:size > 76]", self.write(name, content)).stdout
            self.assertEqual(said, "match 0\n" if name == "single.json" else "match 1\n", name)
        self.run_it("pattern", "test", "[file:name = 'DROP.exe']", lone, code=NO)

    def test_the_same_id_in_two_bundles_is_two_objects(self):
        bundles = self.bundle()
        bundles[1]["objects"] = [observed(2, "2026-01-01T00:01:00Z", [sco("url", 1)]), sco("url", 1, value="http://b.example/")]
        path = self.write("twice.json", bundles)
        for number, letter in enumerate("ab"):
            said = self.run_it("pattern", "test", f"[url:value LIKE 'http://{letter}%']", path).stdout
            self.assertEqual(said, f"match {number}\n")

    def test_test_reads_telemetry_and_several_files(self):
        telemetry = SOURCE / "examples/telemetry"
        pattern = "([url:value = 'http://mail-quota.example/renew/form.hta'] FOLLOWEDBY [file:name = 'hg64.bin']) WITHIN 600 SECONDS"
        told = json.loads(self.run_it("--json", "pattern", "test", pattern, telemetry / "http.ndjson", telemetry / "files.ndjson").stdout)
        self.assertTrue(told["matched"])
        self.assertEqual([(Path(o["file"]).name, o["line"]) for o in told["observations"]], [("http.ndjson", 9), ("files.ndjson", 10)])
        bad = self.write("bad.ndjson", '{"ts":1,\n{"ts":"2026-01-01T00:00:00Z","query":"a.example"}\n')
        done = self.run_it("pattern", "test", "[domain-name:value = 'a.example']", bad)
        self.assertIn("bad.ndjson:1: not read", done.stderr)
        self.run_it("pattern", "test", "[a:b = 1]", self.folder / "nowhere", code=TROUBLE)
        self.run_it("pattern", "test", "[a:b = 1]", code=TROUBLE)
        self.run_it("pattern", "test", "-", "-", code=TROUBLE)
        self.run_it("pattern", "guess", "[a:b = 1]", code=TROUBLE)
        many = self.run_it("pattern", "test", "-", telemetry / "dns.ndjson", code=TROUBLE,
                           stdin="[domain-name:value = 'sync.tidal-heron.example']\n[a:b = 1]\n[\n").stdout.splitlines()
        self.assertEqual([l.split(":")[0] for l in many], ["match 16", "no match", "bad pattern"])

    def test_a_pattern_that_would_take_for_ever_says_so(self):
        lines = "".join(json.dumps({"ts": f"2026-01-01T00:00:{i % 60:02}Z", "query": "a.example"}) + "\n" for i in range(400))
        path = self.write("many.ndjson", lines)
        explosive = " AND ".join(["[domain-name:value != 'b.example']"] * 12) + " AND [domain-name:value = 'b.example']"
        done = self.run_it("pattern", "test", explosive, path, "--steps", "1000", code=TROUBLE)
        self.assertIn("no answer in 1000 steps", done.stderr)

    @unittest.skipUnless(OASIS.exists(), f"{OASIS} is not there")
    def test_oasis_cases(self):
        cases = json.loads(OASIS.read_text(encoding="utf-8"))
        sets = collections.defaultdict(list)
        for case in cases["cases"]:
            sets[case["observations"]].append(case)
        for name, of_set in sets.items():
            path = self.write("oasis.json", cases["observation_sets"][name]["raw"])
            done = subprocess.run([PROGRAM, "--json", "pattern", "test", "-", path], timeout=SECONDS, capture_output=True, text=True,
                                  input="".join(c["pattern"].replace("\n", " ") + "\n" for c in of_set), check=False)
            answers = list(map(json.loads, done.stdout.splitlines()))
            self.assertEqual(len(answers), len(of_set), done.stderr)
            for case, answer in zip(of_set, answers):
                # Where the reference gives up with an exception, values of types that cannot be compared are unequal (§9.6.1).
                # WITHIN 0 is refused (§9.5.1).
                expected = {"match": True, "nomatch": False, "match-error": False, "parse-error": None}[case["expected"]]
                self.assertIn(answer.get("matched"), [expected] + [None] * ("WITHIN 0" in case["pattern"]), case)
                if case["expected"] != "match-error":
                    self.assertEqual(answer["valid"], case["expected"] != "parse-error", case)
                if answer.get("matched") and case.get("first_binding"):
                    self.assertEqual(answer["binding"], case["first_binding"], case)

    @unittest.skipUnless(OASIS.exists(), f"{OASIS} is not there")
    def test_oasis_syntax(self):
        cases = json.loads(OASIS.read_text(encoding="utf-8"))["syntax"]
        self.assertGreater(len(cases), 50)
        for case in cases:
            done = subprocess.run([PROGRAM, "--json", "pattern", "check", case["pattern"]], timeout=SECONDS, capture_output=True,
                                  text=True, check=False)
            answer = json.loads(done.stdout)
            self.assertEqual((answer["valid"], done.returncode), (case["valid"], DONE if case["valid"] else TROUBLE), case)
            if not case["valid"] and not case["kind"].startswith(MEANING):
                self.assertEqual(answer["column"], case["error_column"] + 1, case)  # ours count from 1


if __name__ == "__main__":
    unittest.main()
