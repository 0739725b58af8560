"""Alerts from outside: the formats, grouping, exit codes."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
from commands import NO, TROUBLE, Case, bundle, dns_line, indicator, stix_id  # noqa: E402


def line(query, time="2025-06-01T12:00:00Z", port=4242, host="192.0.2.7"):
    return json.dumps({**json.loads(dns_line(query, time)), "id.orig_p": port, "id.orig_h": host}) + "\n"


class Formats(Case):
    def setUp(self):
        super().setUp()
        self.jp = self.node()
        self.jp.run("import", self.write("b.json", bundle(
            indicator(1, "evil.example", confidence=85), indicator(2, "old.example", valid_until="2025-02-01T00:00:00Z"),
            indicator(3, "198.51.100.9", "ipv4-addr"))))
        self.log = self.write("dns.log", line("evil.example") + line("old.example") + line("fine.example"))

    def match(self, *flags, code=0):
        return self.jp.run("match", "--no-sightings", *flags, self.log, code=code).stdout

    def test_ecs(self):
        alert, outside = map(json.loads, self.match("--format", "ecs").splitlines())
        self.assertEqual((alert["event"]["kind"], outside["event"]["kind"]), ("alert", "event"))
        self.assertEqual((alert["event"]["category"], alert["event"]["type"]), (["threat"], ["indicator"]))
        found = alert["threat"]["indicator"]
        self.assertEqual((found["type"], found["confidence"], found["url"], found["marking"]),
                         ("domain-name", "High", {"domain": "evil.example"}, {"tlp": "GREEN"}))
        enrichment, = alert["threat"]["enrichments"]
        self.assertEqual(enrichment["indicator"], found)
        self.assertEqual((enrichment["matched"]["atomic"], enrichment["matched"]["id"]), ("evil.example", stix_id("indicator", 1)))
        self.assertEqual(outside["tags"], ["renkei", "outside-validity"])

    def test_eve(self):
        alert, outside = map(json.loads, self.match("--format", "eve").splitlines())
        self.assertEqual((alert["event_type"], alert["src_ip"], alert["src_port"], alert["dest_ip"], alert["dest_port"]),
                         ("alert", "192.0.2.7", 4242, "192.0.2.53", 53))
        self.assertEqual(alert["timestamp"], "2025-06-01T12:00:00.000000+0000")
        self.assertEqual((alert["alert"]["severity"], outside["alert"]["severity"], outside["renkei"]["verdict"]), (1, 3, "outside-validity"))

    def test_stix(self):
        self.log = self.write("dns.log", line("evil.example") + line("evil.example", port=4243) + line("old.example"))
        held = json.loads(self.match("--format", "stix", "--member", "NAVY-1"))
        self.assertEqual(held["type"], "bundle")
        objects = held["objects"]
        self.assertEqual(len({o["id"] for o in objects}), len(objects))
        by_type = {}
        for o in objects:
            by_type.setdefault(o["type"], []).append(o)
            self.assertRegex(o["id"], rf"^{o['type']}--[0-9a-f]{{8}}-[0-9a-f]{{4}}-[45][0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}}$")
        sighting, = by_type["sighting"]
        self.assertEqual((sighting["count"], sighting["sighting_of_ref"]), (2, stix_id("indicator", 1)))
        self.assertEqual(set(sighting["observed_data_refs"]), {o["id"] for o in by_type["observed-data"]})
        ids = {o["id"] for o in objects}
        for observed in by_type["observed-data"]:
            self.assertLessEqual(set(observed["object_refs"]), ids)
            self.assertEqual(observed["number_observed"], 1)
        flow = by_type["network-traffic"][0]
        self.assertLessEqual({flow["src_ref"], flow["dst_ref"]}, ids)
        self.assertEqual({o["value"] for o in by_type["ipv4-addr"]}, {"192.0.2.7", "192.0.2.53"})
        self.assertEqual(held["objects"][0], json.loads(self.match("--format", "stix", "--member", "NAVY-1"))["objects"][0])
        other = self.node("US-DOD", "Department of Defense, United States")
        other.run("import", self.write("seen.json", json.dumps(held)), "--keep-going")
        self.jp.run("match", "--member", "NAVY-1", self.log)
        self.jp.run("show", sighting["id"])  # the same id

    def test_stix_without_alerts_is_an_empty_bundle(self):
        self.log = self.write("none.log", line("fine.example"))
        self.assertEqual(json.loads(self.match("--format", "stix", code=NO))["objects"], [])

    def test_an_unknown_format(self):
        self.assertIn("--format is table, ecs, eve or stix", self.jp.run("match", "--format", "cef", self.log, code=TROUBLE).stderr)


class Grouping(Case):
    def setUp(self):
        super().setUp()
        self.jp = self.node()
        self.jp.run("import", self.write("b.json", bundle(indicator(1, "evil.example"))))

    def rows(self, *flags):
        out = self.jp.run("match", "--no-sightings", *flags, self.log).stdout.splitlines()
        return out[0], out[1:]

    def test_what_says_the_same_is_one_row(self):
        self.log = self.write("dns.log", "".join(line("evil.example", f"2025-06-01T12:{n:02}:00Z", 4000 + n) for n in range(50))
                              + line("evil.example", "2025-06-01T12:30:00Z", host="192.0.2.8")
                              + line("evil.example", "2025-06-01T13:10:00Z"))
        head, rows = self.rows()
        self.assertRegex(head, r"^TIME +HITS +SEEN")
        self.assertEqual([r.split()[1] for r in rows], ["50", "1", "1"])
        self.assertRegex(rows[0], r"192\.0\.2\.7 > 192\.0\.2\.53:53 ")
        self.assertIn("192.0.2.8:4242 > ", rows[1])
        self.assertIn("dns.log:1", rows[0])
        self.assertEqual(len(self.rows("--group-window", "2h")[1]), 2)
        self.assertEqual(len(self.rows("--no-group")[1]), 52)
        self.assertEqual(len(self.jp.results("match", "--no-sightings", self.log)), 52)

    def test_over_files(self):
        self.log = self.write("a.log", line("evil.example"))
        second = self.write("b.log", line("evil.example"))
        done = self.jp.run("match", "--no-sightings", self.log, second)
        self.assertEqual(len(done.stdout.splitlines()), 2)
        self.assertRegex(done.stdout, r" 2 +evil.example .* a\.log:1")
        self.assertIn("2 alerts", done.stderr)

    def test_flags(self):
        self.log = self.write("a.log", line("evil.example"))
        self.assertIn("--group-window is a time span", self.jp.run("match", "--group-window", "soon", self.log, code=TROUBLE).stderr)


if __name__ == "__main__":
    unittest.main()
