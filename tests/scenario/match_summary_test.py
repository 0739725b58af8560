"""match --summary: what a run read, found and lost, counted, whatever becomes of it."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
from commands import NO, TROUBLE, Case, bundle, indicator  # noqa: E402


def dns(query, time=1704100000):
    return json.dumps({**({"ts": time} if time else {}), "uid": "C", "_path": "dns", "id.orig_h": "10.0.0.1", "query": query}) + "\n"


class Summary(Case):
    def setUp(self):
        super().setUp()
        self.jp = self.node()

    def match(self, log, *flags, code=None):
        path = self.folder / "summary.json"
        done = self.jp.run("match", self.write("dns.log", log), "--no-sightings", "--summary", path, *flags, code=code)
        summary = json.loads(path.read_text())
        path.unlink()
        return summary, done.stderr

    def take(self, *objects):
        self.jp.run("import", self.write("bundle.json", bundle(*objects)))

    def test_what_becomes_of_hits(self):
        self.take(
            indicator(1, "evil.example"), indicator(2, "old.example", valid_from="2020-01-01T00:00:00Z", valid_until="2021-01-01T00:00:00Z"),
            indicator(3, "revoked.example", revoked=True), indicator(4, "quiet.example"), indicator(5, "listed.example"),
            indicator(6, "x", pattern="rule x { condition: true }", pattern_type="yara"))
        self.jp.run("suppress", "add", "--value", "quiet.example", "--reason", "our own")
        self.jp.run("warninglist", "add", "-", input=json.dumps({"name": "Top", "version": 1, "description": "d", "type": "string", "list": ["listed.example"]}))
        names = ["evil", "evil", "old", "revoked", "quiet", "listed", "none"]
        log = "".join(dns(f"{name}.example", 1893456000) for name in names) + "{broken\n"
        summary, said = self.match(log, code=0)
        expected = {"lines": 8, "bytes": len(log), "lines_not_read": 1, "alerts": 2, "outside_validity": 1, "revoked": 1, "suppressed": 1,
                    "warned": 1, "decayed": 0, "indicators": 6, "indicators_left_out": 1, "patterns": 0, "quarantined": []}
        self.assertEqual({key: summary[key] for key in expected}, expected)
        for word in ("2 alerts", "1 outside validity", "1 of revoked", "1 on a warning list", "1 suppressed"):
            self.assertIn(word, said)
        self.assertEqual(self.match(log, "--time", "any")[0]["alerts"], 3)
        self.assertEqual(self.match(log, "--warned")[0]["alerts"], 3)
        self.assertEqual(self.match(log, "--time", "now")[0]["outside_validity"], 1)
        self.assertEqual(self.match(dns("none.example"), code=NO)[0]["alerts"], 0)

    def test_lines_that_cannot_be_read(self):
        self.take(indicator(1, "evil.example"))
        summary, said = self.match(dns("evil.example", 1893456000) + dns("evil.example", 1893456000)[:-3] + "\n")
        self.assertEqual((summary["alerts"], summary["lines_not_read"], summary["lines"]), (1, 1, 2), said)
        self.assertIn("1 lines not read", said)

    def test_what_streams_lose(self):
        both = "[domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example'] WITHIN 10 SECONDS"
        self.take(indicator(1, "x", pattern=both))
        log = dns("a.example", 1893456000) + dns("b.example", 1893456005) + dns("a.example", None) + dns("b.example", 1893450000)
        summary, said = self.match(log, "--late", "1m")
        got = {key: summary[key] for key in ("alerts", "patterns", "patterns_stateful", "bindings", "timeless", "late", "dropped", "exhausted")}
        self.assertEqual(got, {"alerts": 1, "patterns": 1, "patterns_stateful": 1, "bindings": 1, "timeless": 1, "late": 1, "dropped": 0, "exhausted": 0})
        for word in ("1 observations without a time", "1 observations later than --late"):
            self.assertIn(word, said)

    def test_a_file_that_cannot_be_written(self):
        self.take(indicator(1, "evil.example"))
        done = self.jp.run("match", self.write("dns.log", dns("x.example")), "--summary", self.folder / "no" / "where", code=TROUBLE)
        self.assertIn("where", done.stderr)


if __name__ == "__main__":
    unittest.main()
