"""Warning lists, decay and suppressions from outside: what is on a list is named at import and does not alert alone."""

import json
import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
from commands import DONE, NO, TROUBLE, Case, bundle, dns_line, indicator, stix_id  # noqa: E402

SHARED = Path(os.environ.get("RENKEI_SHARED_DATA")
              or Path(os.environ.get("RENKEI_SOURCE", Path(__file__).resolve().parents[2])) / "../shared/data")


def warninglist(name, kind="string", values=(), **more):
    return json.dumps({"name": name, "version": 3, "description": "a test", "type": kind, "list": list(values), **more})


class Lists(Case):
    def setUp(self):
        super().setUp()
        self.jp = self.node()

    def test_kept_shown_replaced_removed_and_audited(self):
        top = self.write("top.json", warninglist("Top sites", values=["good.example", "b.example"]))
        private = self.write("private.json", warninglist("Private", "cidr", ["10.0.0.0/8"], matching_attributes=["ip-dst"]))
        self.assertIn("Top sites (string, 2 entries, version 3)", self.jp.run("warninglist", "add", top, private).stdout)
        listed = self.jp.results("warninglist", "list")
        self.assertEqual([(r["name"], r["type"], r["entries"]) for r in listed], [("Private", "cidr", 1), ("Top sites", "string", 2)])
        shown, = self.jp.results("warninglist", "show", "top", "--limit", "1")
        self.assertEqual((shown["list"], shown["entries"]), (["b.example"], 2))
        self.write("top.json", warninglist("Top sites", values=["good.example"]))
        self.assertIn("had 2", self.jp.run("warninglist", "add", top).stdout)
        self.jp.run("warninglist", "check", "b.example", code=NO)
        self.jp.run("warninglist", "remove", "Top sites")
        self.assertEqual(len(self.jp.results("warninglist", "list")), 1)
        self.assertIn("there is no warning list", self.jp.run("warninglist", "remove", "Top sites", code=TROUBLE).stderr)

    def test_check(self):
        self.jp.run("warninglist", "add", "-", input=warninglist("Private", "cidr", ["10.0.0.0/8"], matching_attributes=["ip-dst"]))
        self.jp.run("warninglist", "add", "-", input=warninglist("Sites", "hostname", [".big.example"]))
        self.assertIn("10.1.2.3 is on Private, by 10.0.0.0/8", self.jp.run("warninglist", "check", "10.1.2.3").stdout)
        one, two = self.jp.results("warninglist", "check", "WWW.Big.Example.", "11.0.0.1")
        self.assertEqual(one["lists"], [{"name": "Sites", "entry": "big.example"}])
        self.assertEqual(two["lists"], [])
        self.jp.results("warninglist", "check", "11.0.0.1", code=NO)
        self.assertIn("is no address", self.jp.run("warninglist", "check", "a b", code=TROUBLE).stderr)

    def test_mistakes_are_named_and_leave_nothing(self):
        good = self.write("good.json", warninglist("Good", values=["a.example"]))
        for text, said in (("{", "expected"), ('{"list":["a"]}', "no name"), (warninglist("x", "glob", ["a"]), "string, substring"),
                           (warninglist("x", "cidr", ["10.0.0.0/99"]), "list[0]"), (warninglist("x", "regex", ["/(/"]), "/(/")):
            with self.subTest(text):
                bad = self.write("bad.json", text)
                self.assertIn(said, self.jp.run("warninglist", "add", bad, good, code=TROUBLE).stderr)
        self.assertEqual(self.jp.results("warninglist", "list"), [])
        self.assertIn("cannot open", self.jp.run("warninglist", "add", self.folder / "missing", code=TROUBLE).stderr)

    def test_beside_a_running_server(self):
        self.jp.serve()
        self.jp.run("warninglist", "add", self.write("l.json", warninglist("Sites", values=["good.example"])))
        self.jp.run("warninglist", "check", "good.example")
        self.assertEqual(self.jp.stop(), DONE)


class Match(Case):
    def setUp(self):
        super().setUp()
        self.jp = self.node()
        self.jp.run("warninglist", "add", self.write("l.json", warninglist("Sites", "hostname", ["good.example"])))
        self.file = self.write("b.json", bundle(
            indicator(1, "evil.example"), indicator(2, "good.example"),
            indicator(3, "many", pattern="[domain-name:value = 'www.good.example'] OR [domain-name:value = 'other.example']")))

    def test_named_at_import(self):
        done = self.jp.run("import", self.file)
        self.assertIn("2 indicators are on warning lists", done.stderr)
        self.assertIn("good.example is on Sites", done.stderr)
        warned, = [r for r in self.jp.results("import", self.file) if "warned" in r]
        self.assertEqual((warned["warned"], warned["first"][0]), (2, {"value": "good.example", "list": "Sites"}))
        done = self.jp.run("import", self.write("l.txt", "x.good.example\nfine.example\n"))
        self.assertIn("1 indicators are on warning lists", done.stderr)

    def test_it_does_not_alert_alone(self):
        self.jp.run("import", self.file)
        log = self.write("dns.log", dns_line("good.example") + dns_line("www.good.example"))
        done = self.jp.run("match", log, code=NO)
        self.assertTrue(done.stdout.startswith("Of values on a warning list, not alerts (2):"), done.stdout)
        self.assertIn("warned: Sites", done.stdout)
        self.assertIn("0 alerts", done.stderr)
        self.assertIn("2 on a warning list", done.stderr)
        self.assertNotIn("sightings", done.stderr)
        results = self.jp.results("match", log, code=NO)
        self.assertEqual([(r["event"]["kind"], r["event"]["reason"], r["tags"]) for r in results],
                         [("event", "warned: Sites", ["renkei", "warned"])] * 2)
        self.jp.run("search", "--type", "sighting", code=NO)

    def test_others_alert_beside_it(self):
        self.jp.run("import", self.file)
        log = self.write("dns.log", dns_line("good.example") + dns_line("evil.example") + dns_line("other.example"))
        self.assertIn("2 alerts", self.jp.run("match", log).stderr)
        done = self.jp.run("match", "--warned", log)
        self.assertIn("3 alerts", done.stderr)
        self.assertIn("warned: Sites", done.stdout)

    def test_bing_in_a_cyber_defence_competition(self):
        data = SHARED / "telemetry/zeek/wrccdc-ssl.json.gz"
        lists = sorted((SHARED / "warninglists").glob("*.json"))
        if not data.exists() or not lists:
            self.skipTest(f"no data in {SHARED}: RENKEI_SHARED_DATA names the folder")
        self.jp.run("warninglist", "add", *lists)
        self.jp.run("import", self.write("l.txt", "204.79.197.200\n"))
        results = self.jp.results("match", "--time", "any", data, code=NO)
        self.assertTrue(results)
        self.assertEqual({r["event"]["reason"] for r in results}, {"warned: List of known Microsoft Azure Datacenter IP Ranges"})


class Decay(Case):
    def configured(self, *rules):
        node = self.node()
        path = node.home / "renkei.yaml"
        path.write_text(path.read_text() + "decay:\n" + "".join(rules))
        return node

    def rule(self, **keys):
        return "  - " + "\n    ".join(f"{k}: {v}" for k, v in keys.items()) + "\n"

    def test_below_the_threshold_it_does_not_alert(self):
        jp = self.configured(self.rule(kind="domain", lifetime="100d", threshold=30, decay_speed=1, base_score=80))
        jp.run("import", self.write("b.json", bundle(indicator(1, "evil.example"), indicator(2, "sure.example", confidence=100))))
        # valid from 2025-01-01; 80 × (1 − 50/100) = 40, 80 × (1 − 70/100) = 24; 100 × (1 − 70/100) = 30
        day = {"50": "2025-02-20T00:00:00Z", "70": "2025-03-12T00:00:00Z"}
        alert, = jp.results("match", "--no-sightings", self.write("a.log", dns_line("evil.example", day["50"])))
        self.assertEqual((alert["event"]["kind"], alert["event"]["risk_score"]), ("alert", 40))
        gone = self.write("b.log", dns_line("evil.example", day["70"]))
        self.assertEqual(jp.results("match", gone, code=NO)[0]["tags"], ["renkei", "decayed"])
        done = jp.run("match", gone, code=NO)
        self.assertTrue(done.stdout.startswith("Of decayed confidence, not alerts (1):"), done.stdout)
        self.assertIn("1 decayed", done.stderr)
        alert, = jp.results("match", "--no-sightings", self.write("c.log", dns_line("sure.example", day["70"])))
        self.assertEqual(alert["event"]["risk_score"], 30)

    def test_a_sighting_refreshes_it(self):
        jp = self.configured(self.rule(lifetime="100d", threshold=30, decay_speed=1))
        jp.run("import", self.write("b.json", bundle(indicator(1, "evil.example"))))
        jp.run("match", self.write("a.log", dns_line("evil.example", "2025-02-20T00:00:00Z")))
        late = self.write("b.log", dns_line("evil.example", "2025-03-22T00:00:00Z"))  # 80 days old, seen 30 days before
        alert, = jp.results("match", "--no-sightings", late)
        self.assertEqual(alert["event"]["risk_score"], 56)

    def test_for_a_source_and_a_kind_only(self):
        jp = self.configured(self.rule(source="US-DOD", lifetime="1d", threshold=30), self.rule(kind="address", lifetime="1d", threshold=30))
        jp.run("import", self.write("b.json", bundle(indicator(1, "evil.example"))))
        self.assertIn("1 alerts", jp.run("match", self.write("a.log", dns_line("evil.example"))).stderr)

    def test_mistakes_in_the_configuration(self):
        for rule, said in ((self.rule(lifetime="soon", threshold=3), "time span"), (self.rule(lifetime="1d", threshold=101), "0 to 100"),
                           (self.rule(lifetime="1d", threshold=1, kind="colour"), "address, domain"),
                           (self.rule(lifetime="1d", threshold=1, decay_speed=-2), "above 0"), (self.rule(threshold=1), "lifetime")):
            with self.subTest(rule):
                path = self.folder / "JP-MOD" / "renkei.yaml"
                node = self.node() if not path.exists() else node
                self.text = getattr(self, "text", path.read_text())
                path.write_text(self.text + "decay:\n" + rule)
                self.assertIn(said, node.run("status", code=TROUBLE).stderr)


class Suppress(Case):
    def setUp(self):
        super().setUp()
        self.jp = self.node()
        self.jp.run("import", self.write("b.json", bundle(
            indicator(1, "evil.example"), indicator(2, "192.0.2.7", "ipv4-addr"), indicator(3, "other.example"))))
        self.log = self.write("dns.log", dns_line("evil.example"))

    def test_by_indicator(self):
        self.jp.run("suppress", "add", "--indicator", stix_id("indicator", 1), "--reason", "a test domain")
        done = self.jp.run("match", self.log)  # the client's address alerts still
        self.assertIn("1 alerts", done.stderr)
        self.assertIn("1 suppressed", done.stderr)
        self.assertNotIn("evil.example", done.stdout)

    def test_by_value_and_network(self):
        self.jp.run("suppress", "add", "--value", "EVIL.example.", "--reason", "x")
        self.jp.run("suppress", "add", "--value", "192.0.2.0/29", "--reason", "our scanners")
        done = self.jp.run("match", self.log, code=NO)
        self.assertEqual(done.stdout, "")
        self.assertIn("2 suppressed", done.stderr)
        self.jp.run("search", "--type", "sighting", code=NO)
        self.assertEqual([r["rule"]["value"] for r in self.jp.results("suppress", "list")], ["evil.example", "192.0.2.0/29"])
        self.jp.run("suppress", "remove", "1")
        self.assertIn("1 alerts", self.jp.run("match", self.log).stderr)
        self.jp.run("suppress", "remove", "1", code=TROUBLE)

    def test_for_a_member_and_a_while(self):
        self.jp.run("suppress", "add", "--value", "evil.example", "--member", "NAVY-1", "--until", "2999-01-01", "--reason", "x")
        self.jp.run("suppress", "add", "--value", "192.0.2.7", "--reason", "x")
        self.assertIn("1 alerts", self.jp.run("match", "--no-sightings", self.log).stderr)
        self.jp.run("match", "--no-sightings", "--member", "NAVY-2", self.log)
        self.jp.run("match", "--no-sightings", "--member", "NAVY-1", self.log, code=NO)

    def test_sightings_only_when_the_rule_says_so(self):
        self.jp.run("suppress", "add", "--value", "192.0.2.7", "--reason", "x")
        self.jp.run("suppress", "add", "--value", "evil.example", "--keep-sightings", "--reason", "x")
        self.jp.run("match", self.log, code=NO)
        found = self.jp.results("search", "--type", "sighting")
        self.assertEqual([self.jp.results("show", s["id"])[0]["object"]["sighting_of_ref"] for s in found], [stix_id("indicator", 1)])

    def test_mistakes(self):
        for flags, said in ((["--reason", "x"], "--indicator ID or --value V"), (["--value", "a.example"], "--reason says why"),
                            (["--value", "a b", "--reason", "x"], "is no address"), (["--value", "a.example", "--reason", " "], "--reason"),
                            (["--indicator", "malware--x", "--reason", "x"], "is no indicator's id"),
                            (["--value", "a.example", "--until", "2001-01-01", "--reason", "x"], "has passed"),
                            (["--value", "a.example", "--until", "soon", "--reason", "x"], "--until is a date")):
            with self.subTest(flags):
                self.assertIn(said, self.jp.run("suppress", "add", *flags, code=TROUBLE).stderr)
        self.assertEqual(self.jp.results("suppress", "list"), [])


if __name__ == "__main__":
    unittest.main()
