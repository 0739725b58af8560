"""Import, search, show and match."""

import gzip
import json
import os
import subprocess
import tarfile
import threading
import unittest

from commands import NO, PROGRAM, TROUBLE, Case, bundle, dns_line, indicator, stix_id

LIST = "# a comment\nevil.example\n198.51.100.9\n"


class Import(Case):
    def setUp(self):
        super().setUp()
        self.jp = self.node()

    def held(self):
        return self.jp.results("status")[0]["holdings"].get("indicator", 0)

    def test_what_a_file_is_shows_from_its_content(self):
        text = bundle(indicator(1, "one.example"))
        for name, content, indicators in (
            ("bundle.json", text, 1),
            ("blanks.txt", "\n\n  " + bundle(indicator(2, "two.example")), 2),
            ("packed.gz", gzip.compress(bundle(indicator(3, "three.example")).encode()), 3),
            ("bom.json", b"\xef\xbb\xbf" + bundle(indicator(4, "four.example")).encode(), 4),
            ("lines.ndjson", json.dumps(indicator(5, "five.example")) + "\n", 5),
            ("heron.txt", LIST, 7),
            ("list.gz", gzip.compress(b"third.example\n"), 8),
        ):
            with self.subTest(name):
                self.jp.run("import", self.write(name, content))
                self.assertEqual(self.held(), indicators)

    def test_pipes_are_looked_into_without_losing_a_byte(self):
        self.jp.run("import", "-", input=bundle(indicator(1, "one.example")))
        self.assertEqual(self.held(), 1)
        self.jp.run("import", "-", input=LIST)
        self.assertEqual(self.held(), 3)
        self.jp.run("import", "-", input=gzip.compress(b"third.example\n"))
        self.assertEqual(self.held(), 4)
        many = "".join(f"host-{n}.example\n" for n in range(20000))  # more than a pipe holds
        self.jp.run("import", "-", input=many)
        self.assertEqual(self.held(), 20004)
        with open(self.write("l.txt", "file-as-stdin.example\n")) as file:
            self.jp.run("import", "-", stdin=file)
        self.assertEqual(self.held(), 20005)

    def test_a_named_pipe_is_opened_once(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=lambda: pipe.write_text(LIST))
        writer.start()
        self.jp.run("import", pipe)
        writer.join()
        self.assertEqual(self.held(), 2)

    def test_files_of_both_kinds_in_one_go(self):
        files = [self.write(f"{n}.txt", f"host-{n}.example\n") for n in range(70)]  # more than one call may pass
        files[3:3] = [self.write("b.json", bundle(indicator(1, "one.example")))]
        done = self.jp.run("import", *files)
        self.assertEqual(self.held(), 71)
        self.assertIn("71 files, ", done.stdout)
        self.assertEqual(len(done.stdout.splitlines()), 1, "few lines for many files")
        again = self.jp.run("import", *files)
        self.assertIn(": 0 new, ", again.stdout)

    def test_the_same_again_changes_nothing(self):
        file = self.write("heron.txt", LIST)
        self.jp.run("import", file, "--valid-for", "90d")
        self.assertIn(" 0 new, 5 known, ", self.jp.run("import", file, "--valid-for", "90d").stdout)

    def test_all_of_a_file_or_nothing_with_every_reason(self):
        bad = indicator(2, "two.example")
        del bad["pattern"]
        worse = indicator(3, "three.example", valid_from="yesterday")
        file = self.write("b.json", bundle(indicator(1, "one.example"), bad, worse))
        done = self.jp.run("import", file, code=TROUBLE)
        self.assertEqual(self.held(), 0)
        for said in (f"{file}: objects[1] {stix_id('indicator', 2)}", "pattern", "objects[2]", "valid_from"):
            self.assertIn(said, done.stderr)
        findings = [r for r in self.jp.results("import", file, code=TROUBLE) if "finding" in r]
        self.assertEqual({f["place"] for f in findings}, {"objects[1]", "objects[2]"})
        kept = self.jp.run("import", "--keep-going", file)
        self.assertIn("1 new, 0 known, 2 rejected", kept.stdout)
        self.assertEqual(self.held(), 1)

    def test_what_cannot_be_read_is_said_before_anything_is_taken(self):
        good = self.write("good.txt", LIST)
        self.assertIn("cannot open", self.jp.run("import", good, self.folder / "missing", code=TROUBLE).stderr)
        self.assertEqual(self.held(), 0)
        self.assertIn("is a folder", self.jp.run("import", self.folder, code=TROUBLE).stderr)
        with tarfile.open(self.folder / "lists.tar.gz", "w:gz") as tar:
            tar.add(good, "good.txt")
        self.assertIn("is an archive", self.jp.run("import", self.folder / "lists.tar.gz", code=TROUBLE).stderr)
        self.jp.run("import", self.write("cut.gz", gzip.compress(b"{" * 5000)[:40]), code=TROUBLE)
        self.jp.run("import", self.write("deep.json", "[" * 100000), code=TROUBLE)
        self.assertEqual(self.held(), 0)

    def test_handling_stands_beside_the_object(self):
        text = indicator(1, "one.example")
        self.jp.run("import", self.write("b.json", bundle(text)), "--tlp", "amber", "--label", "watch", "--label", "apt",
                    "--label", "watch", "--confidence", "80")
        shown = self.jp.results("show", text["id"])[0]
        self.assertEqual(shown["object"], text)
        self.assertEqual((shown["handling"]["confidence"], sorted(shown["handling"]["labels"])), (80, ["apt", "watch"]))
        self.assertIn("amber", shown["handling"]["tlp"].lower())
        self.assertIn("confidence 80", self.jp.run("show", text["id"]).stdout)
        for flag, value in (("--tlp", "ochre"), ("--valid-from", "soon"), ("--valid-for", "-1d")):
            with self.subTest(flag):
                self.assertIn(flag, self.jp.run("import", flag, value, self.write("l.txt", LIST), code=TROUBLE).stderr)


class Search(Case):
    def setUp(self):
        super().setUp()
        self.jp = self.node()
        self.jp.run("import", self.write("b.json", bundle(
            *[indicator(n, f"host-{n}.evil.example") for n in range(60)], indicator(99, "other.test", modified="2025-03-01T00:00:00.000Z"))))

    def test_found_and_not_found(self):
        self.assertEqual(len(self.jp.run("search", "host-7.evil.example").stdout.splitlines()), 1)
        for arguments in (["nothing-like-it"], ["--type", "malware"], ["--label", "none"], ["--tlp", "red"]):
            with self.subTest(arguments):
                self.assertEqual(self.jp.run("search", *arguments, code=NO).stdout, "")
                self.assertEqual(self.jp.results("search", *arguments, code=NO), [])

    def test_a_cut_answer_says_so(self):
        done = self.jp.run("search", "--type", "indicator")
        self.assertEqual(len(done.stdout.splitlines()), 50)
        self.assertIn("--limit", done.stderr)
        self.assertEqual(len(self.jp.results("search", "--type", "indicator", "--limit", "100")), 61)
        self.assertEqual(len(self.jp.results("search", "--limit", "3")), 3)

    def test_history_shows_every_version(self):
        self.jp.run("import", self.write("c.json", bundle(indicator(99, "other.test", revoked=True, modified="2025-04-01T00:00:00.000Z"))))
        one = stix_id("indicator", 99)
        self.assertEqual([r["version"] for r in self.jp.results("show", one, "--history")],
                         ["2025-03-01T00:00:00.000Z", "2025-04-01T00:00:00.000Z"])
        self.assertEqual([r["revoked"] for r in self.jp.results("show", one)], [True])
        self.assertIn("(revoked)", self.jp.run("search", "other.test").stdout)
        self.assertIn("is not held here", self.jp.run("show", stix_id("indicator", 1000), code=TROUBLE).stderr)


class Match(Case):
    def setUp(self):
        super().setUp()
        self.jp = self.node()
        self.jp.run("import", self.write("b.json", bundle(
            indicator(1, "evil.example"), indicator(2, "old.example", valid_until="2025-02-01T00:00:00Z"),
            indicator(3, "gone.example", revoked=True),
            indicator(4, "later.example", pattern="alert tcp any any -> any any", pattern_type="snort"),
            {"type": "malware", "spec_version": "2.1", "id": stix_id("malware", 1), "created": "2025-01-01T00:00:00.000Z",
             "modified": "2025-01-01T00:00:00.000Z", "name": "HERONGATE", "is_family": True},
            {"type": "relationship", "spec_version": "2.1", "id": stix_id("relationship", 1), "created": "2025-01-01T00:00:00.000Z",
             "modified": "2025-01-01T00:00:00.000Z", "relationship_type": "indicates",
             "source_ref": stix_id("indicator", 1), "target_ref": stix_id("malware", 1)})))

    def test_exit_codes_are_grep_s(self):
        hit, none = self.write("hit.log", dns_line("evil.example")), self.write("none.log", dns_line("notevil.example"))
        self.jp.run("match", hit)
        self.assertEqual(self.jp.run("match", none, code=NO).stdout, "")
        self.jp.run("match", none, hit)
        self.assertEqual(self.jp.run("match", hit, self.folder / "missing", code=TROUBLE).stdout, "")
        self.jp.run("match", self.write("gone.log", dns_line("gone.example")), code=NO)

    def test_a_table_for_people(self):
        done = self.jp.run("match", "--no-group", self.write("hit.log", dns_line("evil.example") * 3))
        head, *rows = done.stdout.splitlines()
        self.assertTrue(head.startswith("TIME"))
        self.assertEqual(len(rows), 3)
        for cell in ("2025-06-01T12:00:00", "evil.example", "192.0.2.7:4242 > 192.0.2.53:53", "HERONGATE", "hit.log:1"):
            self.assertIn(cell, rows[0])
        self.assertIn("3 alerts", done.stderr)
        self.assertIn("1 of 4 indicators cannot be evaluated", done.stderr)
        self.assertIn("1 sightings kept", done.stderr)

    def test_an_alert_a_line_for_machines(self):
        alert, = self.jp.results("match", "--member", "NAVY-1", self.write("hit.log", dns_line("evil.example")))
        self.assertEqual(alert["threat"]["indicator"]["id"], stix_id("indicator", 1))
        self.assertEqual(alert["organization"]["name"], "NAVY-1")
        self.assertEqual(alert["event"]["kind"], "alert")

    def test_outside_validity_is_shown_apart_and_is_no_match(self):
        file = self.write("old.log", dns_line("old.example"))
        done = self.jp.run("match", file, code=NO)
        self.assertTrue(done.stdout.startswith("Outside their indicators' validity"))
        self.assertIn("old.example", done.stdout)
        self.jp.run("match", "--time", "any", file)
        self.jp.run("match", self.write("then.log", dns_line("old.example", "2025-01-15T00:00:00Z")))
        self.jp.run("match", "--time", "now", self.write("then.log", dns_line("old.example", "2025-01-15T00:00:00Z")), code=NO)
        self.assertEqual([a["event"]["kind"] for a in self.jp.results("match", file, code=NO)], ["event"])

    def test_sightings_are_kept_unless_told_not_to(self):
        file = self.write("hit.log", dns_line("evil.example") * 2 + dns_line("evil.example", "2025-06-01T15:00:00Z"))
        self.jp.run("match", "--no-sightings", file)
        self.jp.run("search", "--type", "sighting", code=NO)
        self.jp.run("match", "--member", "NAVY-1", file)
        self.jp.run("match", "--member", "NAVY-1", file)
        counts = [self.jp.results("show", s["id"])[0]["object"]["count"] for s in self.jp.results("search", "--type", "sighting")]
        self.assertEqual(sorted(counts), [1, 2])

    def test_pipes_compressed_files_and_threads(self):
        lines = "".join(dns_line(f"host-{n}.example") for n in range(5000)) + dns_line("evil.example")
        file = self.write("dns.log.gz", gzip.compress(lines.encode()))
        for threads in ("1", "2"):
            one, = self.jp.results("match", "--no-sightings", "--threads", threads, file)
            self.assertEqual(one["log"]["origin"]["file"]["line"], 5001)
        one, = self.jp.results("match", "--no-sightings", "-", input=lines)
        self.assertEqual(one["log"]["file"]["path"], "standard input")

    def test_telemetry_does_not_steer_the_terminal(self):
        line = json.loads(dns_line("evil.example"))
        line["id.orig_h"] = "\x1b[2J\u009b2J\u202e"
        done = self.jp.run("match", self.write("hit.log", json.dumps(line) + "\n"))
        for bad in ("\x1b", "\u009b", "\u202e"):
            self.assertNotIn(bad, done.stdout)

    def test_it_ends_where_nobody_reads_on(self):
        file = self.write("hit.log", dns_line("evil.example") * 20000)
        process = subprocess.Popen([PROGRAM, "--home", self.jp.home, "match", "--no-group", "--no-sightings", file],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        process.stderr.read()
        process.stderr.close()
        self.assertEqual(process.wait(60), TROUBLE)


if __name__ == "__main__":
    unittest.main()
