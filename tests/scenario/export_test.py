"""Exports from outside: what goes out, what does not and why, and that the tools they are for can read them. BIND's
named-checkzone reads the zone where it is installed; rules are read by the independent suricataparser where Python has
it; Zeek's and Suricata's other files are read here by their documented grammars."""

import base64
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
from commands import NO, TROUBLE, Case, bundle, indicator, stix_id  # noqa: E402

PAP_RED = "marking-definition--740d36e5-7714-4c30-961a-3ae632ceee0e"
TLP_RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
FORMATS = ("zeek-intel", "suricata-rules", "rpz", "list", "csv")
BLOCKING = ("rpz", "list")


def unescape(field):
    """Zeek's ASCII reader: \\xHH."""
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda m: chr(int(m[1], 16)), field)


def read_zeek(text):
    lines = text.splitlines()
    names = lines[0].split("\t")
    assert names[0] == "#fields", lines[0]
    rows = [dict(zip(names[1:], line.split("\t"), strict=True)) for line in lines[1:]]
    return [(unescape(r["indicator"]), r["indicator_type"]) for r in rows]


def read_content(text):
    """A rule's content to bytes: |HH HH| is hexadecimal, a backslash stands before what it takes the meaning from."""
    out, i = b"", 0
    while i < len(text):
        if text[i] == "|":
            end = text.index("|", i + 1)
            out += bytes.fromhex(text[i + 1:end])
            i = end + 1
            continue
        assert text[i] not in '";:', text
        out += text[i].encode()
        i += 1
    return out.decode()


class Export(Case):
    def setUp(self):
        super().setUp()
        self.jp = self.node()

    def take(self, *objects):
        self.jp.run("import", self.write("b.json", bundle(*objects)))

    def export(self, fmt, *flags, code=0):
        return self.jp.run("export", "--format", fmt, *flags, code=code)

    def left_out(self, fmt, *flags, code=0):
        done = self.jp.run("--json", "export", "--format", fmt, *flags, code=code)
        return {r["reason"]: r["count"] for r in json.loads(done.stderr)["left_out"]}

    # ---- what goes out

    def test_only_what_is_in_force(self):
        self.take(indicator(1, "good.example"), indicator(2, "old.example", valid_until="2025-02-01T00:00:00Z"),
                  indicator(3, "early.example", valid_from="2999-01-01T00:00:00Z"), indicator(4, "gone.example", revoked=True),
                  indicator(5, "was.example"), indicator(5, "is.example", modified="2025-06-01T00:00:00.000Z"),
                  indicator(6, "good.example"))
        self.jp.run("warninglist", "add", self.write("l.json", json.dumps({"name": "L", "list": ["warned.example"]})))
        self.take(indicator(7, "warned.example"), indicator(8, "quiet.example"), indicator(9, "x", pattern="[process:name = 'x']"),
                  indicator(10, "y", pattern="[domain-name:value = 'a.example' AND domain-name:value != 'b']"))
        self.jp.run("suppress", "add", "--value", "quiet.example", "--reason", "x")
        for fmt in FORMATS:
            with self.subTest(fmt):
                text = self.export(fmt).stdout
                for name in ("old", "early", "gone", "was", "warned", "quiet", "a.example"):
                    self.assertNotIn(name + "." if name != "a.example" else name, text)
                self.assertIn("is.example", text)
                self.assertEqual(self.left_out(fmt), {
                    "revoked": 1, "expired": 1, "not valid yet": 1, "not a plain value": 2, "suppressed": 1,
                    "on a warning list": 1, "the same value again": 1})
        self.assertEqual(self.export("list").stdout.split(), ["good.example", "is.example"])

    def test_decayed_does_not_go_out(self):
        path = self.jp.home / "renkei.yaml"
        path.write_text(path.read_text() + "decay:\n  - kind: domain\n    lifetime: 30d\n    threshold: 10\n")
        self.take(indicator(1, "old.example"), indicator(2, "198.51.100.7", "ipv4-addr"))
        self.assertEqual(self.export("list").stdout, "198.51.100.7\n")
        self.assertEqual(self.left_out("list"), {"confidence decayed": 1})

    def test_nothing_is_an_answer(self):
        self.assertIn("0 values of 0 indicators", self.export("list", code=NO).stderr)

    def test_types(self):
        self.take(indicator(1, "a.example"), indicator(2, "198.51.100.7", "ipv4-addr"),
                  indicator(3, "h", pattern="[file:hashes.MD5 = 'D41D8CD98F00B204E9800998ECF8427E']"),
                  indicator(4, "h", pattern="[file:hashes.'SHA-256' = '" + "ab" * 32 + "']"))
        self.assertEqual(self.export("list", "--type", "domain", "--type", "md5").stdout.split(),
                         ["a.example", "d41d8cd98f00b204e9800998ecf8427e"])
        self.assertIn("has no place", self.export("rpz", "--type", "md5", code=TROUBLE).stderr)
        self.assertIn("--type: colour", self.export("list", "--type", "colour", code=TROUBLE).stderr)

    # ---- markings

    def marked(self):
        """PAP in each way it is carried: label, OASIS's marking, a statement, another's name, granular, none known."""
        definition = {"type": "marking-definition", "spec_version": "2.1", "created": "2025-01-01T00:00:00.000Z"}
        statement = {**definition, "id": stix_id("marking-definition", 1), "definition_type": "statement",
                     "definition": {"statement": "PAP:RED"}}
        amber = {**definition, "id": stix_id("marking-definition", 2), "definition_type": "statement",
                 "definition": {"statement": "pap:amber"}}
        self.take(statement, amber,
                  indicator(1, "label-red.example", labels=["PAP:RED"]), indicator(2, "label-amber.example", labels=["pap:amber"]),
                  indicator(3, "oasis-red.example", object_marking_refs=[PAP_RED]),
                  indicator(4, "statement-red.example", object_marking_refs=[statement["id"]]),
                  indicator(5, "statement-amber.example", object_marking_refs=[amber["id"]]),
                  indicator(6, "granular-red.example", granular_markings=[{"marking_ref": PAP_RED, "selectors": ["pattern"]}]),
                  indicator(7, "green.example", labels=["PAP:GREEN"]), indicator(8, "none.example"),
                  indicator(9, "tlp-red.example", object_marking_refs=[TLP_RED]),
                  indicator(10, "unknown.example", object_marking_refs=[stix_id("marking-definition", 99)]))
        self.jp.run("import", self.write("l.txt", "local-red.example\n"), "--label", "PAP:RED")

    def test_pap_reaches_no_blocking_list(self):
        self.marked()
        for fmt, flags in (("rpz", []), ("list", []), ("suricata-rules", ["--action", "drop"]), ("suricata-dataset", ["--type", "domain"]),
                           ("rpz", ["--marking", "red"]), ("suricata-rules", ["--action", "drop", "--marking", "red"])):
            with self.subTest((fmt, flags)):
                text = self.export(fmt, *flags).stdout
                if fmt == "suricata-dataset":
                    text = "".join(base64.b64decode(line).decode() + "\n" for line in text.split())
                self.assertIn("green.example", text)
                self.assertIn("none.example", text)
                for bad in ("label-red", "label-amber", "oasis-red", "statement-red", "statement-amber", "granular-red", "local-red", "unknown"):
                    self.assertNotIn(bad, text)
                self.assertEqual("tlp-red" in text, "--marking" in flags)
                left = self.left_out(fmt, *flags)
                self.assertEqual(left["PAP permits no blocking"], 7)
                self.assertEqual(left["marked with what is not known here"], 1)

    def test_passive_formats_watch_for_all_of_it(self):
        self.marked()
        for fmt in ("zeek-intel", "suricata-rules", "csv"):
            with self.subTest(fmt):
                text = self.export(fmt).stdout
                for good in ("label-red", "label-amber", "oasis-red", "statement-red", "granular-red", "local-red"):
                    self.assertIn(good, text)
                self.assertNotIn("tlp-red", text)
                self.assertEqual(self.left_out(fmt), {"TLP too strict": 1, "marked with what is not known here": 1})
                self.assertIn("tlp-red", self.export(fmt, "--marking", "TLP:RED").stdout)
        rows = {r["value"]: r for r in csv.DictReader(io.StringIO(self.export("csv").stdout))}
        self.assertEqual((rows["label-red.example"]["pap"], rows["label-red.example"]["tlp"]), ("red", "green"))

    # ---- the formats

    def every_kind(self):
        self.take(
            indicator(1, "evil.example"), indicator(2, "198.51.100.7", "ipv4-addr"), indicator(3, "2001:db9::7", "ipv6-addr"),
            indicator(4, "n", pattern="[ipv4-addr:value ISSUBSET '198.51.100.5/28']"),
            indicator(5, "p", pattern="[network-traffic:dst_ref.value = '198.51.100.9' AND network-traffic:dst_port = 8443]"),
            indicator(6, "u", pattern="[url:value = 'http://evil.example:8080/a;b?c=\"d\"|e\\\\f']"),
            indicator(7, "h", pattern="[file:hashes.'SHA-1' = '" + "AB" * 20 + "']"),
            indicator(8, "e", pattern="[email-addr:value = 'x@evil.example']"),
            indicator(9, "f", pattern="[file:name = 'tab\there.exe']"),
            indicator(10, "r", pattern="[network-traffic:extensions.'http-request-ext'.request_value = '/gate.php']"),
            indicator(11, "two", pattern="[domain-name:value IN ('one.example', 'two.example')]"),
            indicator(12, "name, \"quoted\"", pattern="[domain-name:value = 'named.example']"),
            indicator(13, "=cmd|' /C calc'!A0", pattern="[domain-name:value = 'formula.example']"))

    def test_zeek(self):
        self.every_kind()
        rows = read_zeek(self.export("zeek-intel").stdout)
        self.assertEqual(rows[:9], [
            ("evil.example", "Intel::DOMAIN"), ("198.51.100.7", "Intel::ADDR"), ("2001:db9::7", "Intel::ADDR"),
            ("198.51.100.0/28", "Intel::SUBNET"), ("evil.example:8080/a;b?c=\"d\"|e\\f", "Intel::URL"),
            ("ab" * 20, "Intel::FILE_HASH"), ("x@evil.example", "Intel::EMAIL"), ("tab\there.exe", "Intel::FILE_NAME"),
            ("one.example", "Intel::DOMAIN")])
        self.assertEqual(len(rows), 12)

    def test_suricata_rules(self):
        self.every_kind()
        text = self.export("suricata-rules").stdout
        rules = [line for line in text.splitlines() if not line.startswith("#")]
        self.assertEqual(len(rules), 11)
        sids, contents = set(), []
        for rule in rules:
            head = re.fullmatch(r"alert (ip|dns|http) any any (->|<>) (\S+) (any|\d+) \((.*)\)", rule)
            self.assertTrue(head, rule)
            for quoted in re.findall(r'"([^"]*)"', head[5]):
                self.assertNotRegex(quoted, r"[;\\]")
            sids.add(re.search(r" sid:(\d+); rev:1;$", head[5])[1])
            for content, size in re.findall(r'content:"([^"]*)";(?: nocase;)? bsize:(\d+);', head[5]):
                contents.append(read_content(content))
                self.assertEqual(len(contents[-1].encode()), int(size))
        self.assertEqual(len(sids), 11)
        for expected in ("evil.example", "/a;b?c=\"d\"|e\\f", "/gate.php", "two.example"):
            self.assertIn(expected, contents)
        self.assertIn("-> 198.51.100.9 8443 (", text)
        self.assertIn("<> 198.51.100.0/28 any (", text)
        self.assertEqual(re.findall(r"sid:\d+", text), re.findall(r"sid:\d+", self.export("suricata-rules").stdout))
        below = self.export("suricata-rules", "--subdomains", "--type", "domain").stdout
        self.assertIn('dns.query; dotprefix; content:".evil.example"; nocase; endswith;', below)

    def test_suricata_rules_by_an_independent_parser(self):
        try:
            import suricataparser
        except ImportError:
            self.skipTest("Python's suricataparser is not installed")
        self.every_kind()
        rules = [r for action in ("alert", "drop") for r in self.export("suricata-rules", "--action", action).stdout.splitlines() if not r.startswith("#")]
        for line in rules:
            rule = suricataparser.parse_rule(line)
            self.assertIsNotNone(rule, line)
            self.assertIn(rule.action, ("alert", "drop"))
            self.assertTrue(rule.enabled and rule.sid >= 1000000000 and rule.msg.startswith("renkei own "))
            self.assertEqual(rule.raw, line)

    def test_suricata_dataset(self):
        self.every_kind()
        names = [base64.b64decode(line, validate=True).decode() for line in self.export("suricata-dataset", "--type", "domain").stdout.split()]
        self.assertEqual(names, ["evil.example", "one.example", "two.example", "named.example", "formula.example"])
        self.assertEqual(self.export("suricata-dataset", "--type", "address").stdout.split(), ["198.51.100.7", "2001:db9::7"])
        self.assertIn("values of one type", self.export("suricata-dataset", code=TROUBLE).stderr)

    def test_rpz(self):
        self.every_kind()
        self.take(indicator(20, "v6", pattern="[ipv6-addr:value = '2001:db9:0:1::/64']"), indicator(21, "com", pattern="[domain-name:value = 'com']"),
                  indicator(22, "long", pattern="[domain-name:value = '" + ".".join(["a" * 50] * 5)[:250] + "']"),
                  indicator(23, "all", pattern="[ipv4-addr:value = '0.0.0.0/0']"), indicator(24, "_dmarc.evil.example"))
        zone = self.folder / "zone"
        self.export("rpz", "--to", zone, "--subdomains", "--zone", "rpz.test")
        text = zone.read_text()
        for line in ("evil.example CNAME .", "*.evil.example CNAME .", "32.7.100.51.198.rpz-ip CNAME .", "28.0.100.51.198.rpz-ip CNAME .",
                     "128.7.zz.db9.2001.rpz-ip CNAME .", "64.zz.1.0.db9.2001.rpz-ip CNAME .", "_dmarc.evil.example CNAME ."):
            self.assertIn(f"\n{line}\n", text)
        for bad in ("com CNAME", "aaaa", "8443", "100.51.198.9"):
            self.assertNotIn(f"\n{bad}", text)
        checker = shutil.which("named-checkzone", path=os.environ["PATH"] + ":/usr/sbin:/usr/bin")
        if not checker:
            self.skipTest("BIND's named-checkzone is not installed")
        done = subprocess.run([checker, "rpz.test", zone], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, "OK"), done.stdout)

    def test_list_and_csv(self):
        self.every_kind()
        lines = self.export("list").stdout.splitlines()
        self.assertIn("198.51.100.9:8443", lines)
        self.assertIn("198.51.100.0/28", lines)
        self.assertNotIn("tab", "".join(lines))
        rows = list(csv.DictReader(io.StringIO(self.export("csv").stdout, newline="")))
        by_value = {r["value"]: r for r in rows}
        self.assertEqual(len(rows), 14)
        self.assertEqual(by_value["named.example"]["name"], 'name, "quoted"')
        self.assertTrue(by_value["formula.example"]["name"].startswith("'="), "a spreadsheet would run it")
        self.assertEqual((by_value["198.51.100.9"]["port"], by_value["198.51.100.9"]["type"]), ("8443", "address"))
        self.assertEqual(by_value["tab\there.exe"]["id"], stix_id("indicator", 9))

    def test_csv_goes_back_as_a_list(self):
        """Values, markings, labels, confidence, validity and descriptions survive; other tools' spellings are read, too."""
        self.take(
            indicator(1, "evil.example", labels=["a,b", "c"], confidence=70, description="+1 if \"seen\",\ntwice",
                      valid_until="2999-01-01T00:00:00Z"),
            indicator(2, "198.51.100.7", "ipv4-addr", labels=["PAP:AMBER"], object_marking_refs=[
                "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"]),
            indicator(3, "p", pattern="[network-traffic:dst_ref.value = '198.51.100.9' AND network-traffic:dst_port = 8443]"),
            indicator(4, "f", pattern="[file:name = 'setup.exe']"))
        first = self.export("csv").stdout
        other = self.node("US-DOD")
        path = self.write("intel.csv", first)
        self.assertIn("not carried over", other.run("import", "--list", path).stderr)
        again = other.run("export", "--format", "csv").stdout
        kept = ("type", "value", "port", "tlp", "pap", "labels", "confidence", "valid_from", "valid_until", "pattern")
        one, two = ({r["value"]: [r[k] for k in kept] for r in csv.DictReader(io.StringIO(t, newline=""))} for t in (first, again))
        self.assertTrue(one.pop("setup.exe"))
        self.assertEqual(one, two)
        told = [r for r in csv.DictReader(io.StringIO(again, newline="")) if r["value"] == "evil.example"][0]
        self.assertEqual(told["description"], "'+1 if \"seen\", twice")
        self.assertEqual(other.run("--json", "import", "--list", path).stdout.count('"added":0'), 1)

    def test_csv_of_others(self):
        """Any order, semicolons or tabs, a BOM, CRLF; a column nobody reads is told once; what restricts is never lost."""
        for separator in ";\t":
            rows = [["Colour", "TLP", "Value", "Comment", "valid_until", "confidence", "Labels"],
                    ["red", "TLP:AMBER", "a" + ("x" if separator == ";" else "y") + ".example", "seen, twice", "2999-01-01", "high", "one, two"]]
            text = "\ufeff" + "\r\n".join(separator.join(f'"{f}"' for f in r) for r in rows) + "\r\n"
            done = self.jp.run("--json", "import", "--list", self.write("x.csv", text))
            said = json.loads(done.stdout.splitlines()[0])
            self.assertEqual([(n["kind"], n["count"], n["example"]) for n in said["not_carried"]],
                             [("confidence that is no number from 0 to 100", 1, "line 2: high"), ("columns that are not read", 1, "Colour")])
        row = {r["value"]: r for r in csv.DictReader(io.StringIO(self.export("csv").stdout, newline=""))}["ax.example"]
        self.assertEqual((row["tlp"], row["description"], row["valid_until"], row["labels"]),
                         ("amber", "seen, twice", "2999-01-01T00:00:00.000Z", "one;two;"))
        for bad in ("tlp\npurple", "valid_until\n2001-01-01", "pap\nblue", "valid_from\nyesterday"):
            column, value = bad.split("\n")
            self.assertIn("line 2", self.jp.run("import", "--list", self.write("y.csv", f"value,{column}\nb.example,{value}\n"), code=TROUBLE).stderr)

    # ---- files and mistakes

    def test_a_file_is_whole_or_as_it_was(self):
        self.take(indicator(1, "evil.example"))
        path = self.folder / "list.txt"
        self.export("list", "--to", path)
        self.assertEqual(path.read_text(), "evil.example\n")
        self.export("list", "--to", path, "--type", "colour", code=TROUBLE)
        self.assertEqual(path.read_text(), "evil.example\n")
        self.assertEqual([p.name for p in self.folder.glob("list.txt*")], ["list.txt"])
        self.assertIn("cannot write", self.export("list", "--to", self.folder / "no" / "file", code=TROUBLE).stderr)

    def test_mistakes(self):
        self.assertIn("--format says which", self.jp.run("export", code=TROUBLE).stderr)
        for flags, said in ((["--format", "xml"], "is none of zeek-intel"), (["--format", "rpz", "--marking", "pink"], "--marking"),
                            (["--format", "rpz", "--action", "drop"], "suricata-rules"), (["--format", "list", "--action", "burn"], "alert or drop"),
                            (["--format", "rpz", "--zone", "a b"], "--zone")):
            with self.subTest(flags):
                self.assertIn(said, self.jp.run("export", *flags, code=TROUBLE).stderr)


if __name__ == "__main__":
    unittest.main()
