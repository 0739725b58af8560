"""Partners, agreements, and the record of what they gave each other."""

import json
import os
import pty
import sqlite3
import subprocess
import time
import unittest

from commands import DONE, NO, PROGRAM, SECONDS, TROUBLE, Case, bundle, indicator, run, stix_id


class Party(Case):
    def ask(self, node, card, answer):
        """party add on a terminal."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen([PROGRAM, "--home", node.home, "party", "add", card], stdin=theirs,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        os.close(theirs)
        os.write(ours, answer.encode() + b"\n")
        out, err = process.communicate(timeout=SECONDS)
        os.close(ours)
        self.assertIn("Trust this card? [y/N]", err)
        self.assertIn("SHA256", out, "the fingerprints come before the question")
        return process.returncode

    def test_nobody_is_trusted_unasked(self):
        jp, us = self.node(), self.node("US-DOD", "Department of Defense")
        done = jp.run("party", "add", us.card, code=TROUBLE)
        self.assertIn("SHA256", done.stdout)
        self.assertIn("--yes", done.stderr)
        self.assertEqual(self.ask(jp, us.card, "n"), NO)
        self.assertEqual(self.ask(jp, us.card, ""), NO)
        self.assertEqual(jp.results("party", "list"), [])
        self.assertEqual(self.ask(jp, us.card, "y"), DONE)
        self.assertEqual([p["party"] for p in jp.results("party", "list")], ["US-DOD"])

    def test_what_is_shown_is_what_the_partner_shows(self):
        jp, us = self.node(), self.node("US-DOD", "Department of Defense")
        theirs = us.run("card", "--show").stdout
        self.assertEqual(jp.run("party", "add", "--yes", us.card).stdout, theirs + "trusted\n")
        self.assertEqual(jp.run("party", "list").stdout, theirs)
        jp.run("party", "remove", "US-DOD")
        self.assertEqual(jp.run("party", "list").stdout, "")
        jp.run("party", "remove", "US-DOD", code=TROUBLE)

    def test_an_altered_card_is_refused(self):
        jp, us = self.node(), self.node("US-DOD", "Department of Defense")
        altered = self.write("altered.card", us.card.read_text().replace("127.0.0.1", "127.0.0.2"))
        jp.run("party", "add", "--yes", altered, code=TROUBLE)
        jp.run("party", "add", "--yes", self.write("no.card", "{}"), code=TROUBLE)
        jp.run("party", "add", "--yes", self.folder / "missing.card", code=TROUBLE)
        self.assertEqual(jp.results("party", "list"), [])

    def test_the_card_is_printed_alone(self):
        node = self.node()
        self.assertEqual(json.loads(node.run("card").stdout), node.results("card")[0]["text"])


class Agreement(Case):
    def draft(self):
        jp, us = self.node(), self.node("US-DOD", "Department of Defense")
        for node, other in ((jp, us), (us, jp)):
            node.run("party", "add", "--yes", other.card)
        return jp, us, jp.run("agreement", "new", "--with", us.card).stdout

    def test_a_mistake_has_its_line_and_column(self):
        _, _, text = self.draft()
        lines = text.splitlines(keepends=True)
        good = self.write("good.yaml", text)
        self.assertIn("a valid agreement between 2 parties", run("agreement", "check", good).stdout)
        self.assertEqual(json.loads(run("--json", "agreement", "check", good).stdout), {"valid": True})
        for change, said in (
            (lambda n, l: l.replace("effective:", "efective:"), "efective"),
            (lambda n, l: l.replace("effective: ", "effective: tomorrow # "), "effective"),
            (lambda n, l: l.replace("ends: ", "ends: 1999-01-01 # "), "ends"),
            (lambda n, l: l.replace("key: \"ed25519:", "key: \"ed25518:") if "key:" in l else l, "key"),
            (lambda n, l: l + l if l.startswith("title:") else l, "title"),
            (lambda n, l: l.replace("title: ", "title: &anchor "), ""),
        ):
            changed = [change(n, line) for n, line in enumerate(lines)]
            first = next(n for n, (a, b) in enumerate(zip(lines, changed), 1) if a != b)
            with self.subTest(changed[first - 1]):
                bad = self.write("bad.yaml", "".join(changed))
                done = run("agreement", "check", bad, code=TROUBLE)
                self.assertRegex(done.stderr, rf"^renkei: {bad}:({first}|{first + 1}):\d+: ")
                self.assertIn(said, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_what_is_no_agreement_is_refused(self):
        for name, content in (("empty", ""), ("text", "hello"), ("binary", b"\x00\xff\xfe"), ("list", "- 1\n- 2\n")):
            with self.subTest(name):
                run("agreement", "check", self.write(name, content), code=TROUBLE)
        run("agreement", "check", self.folder / "missing", code=TROUBLE)
        run("agreement", "check", self.folder, code=TROUBLE)

    def test_check_needs_no_node_and_reads_standard_input(self):
        _, _, text = self.draft()
        run("agreement", "check", "-", input=text, env={"RENKEI_HOME": "/nowhere"})

    def test_a_draft_is_not_written_over(self):
        jp, us, _ = self.draft()
        file = self.folder / "ours.yaml"
        jp.run("agreement", "new", "--with", us.card, "--to", file)
        file.write_text(file.read_text() + "# settled on Tuesday\n")
        self.assertIn("is there already", jp.run("agreement", "new", "--with", us.card, "--to", file, code=TROUBLE).stderr)
        self.assertIn("settled on Tuesday", file.read_text())

    def test_only_what_both_signed_is_taken(self):
        jp, us, text = self.draft()
        file = self.write("a.yaml", text)
        jp.run("agreement", "sign", file)
        us.run("agreement", "sign", file)
        ours, theirs = self.folder / "a.yaml.JP-MOD.sig", self.folder / "a.yaml.US-DOD.sig"
        jp.run("agreement", "add", file, ours, code=TROUBLE)
        jp.run("agreement", "add", file, ours, ours, code=TROUBLE)
        jp.run("agreement", "add", self.write("b.yaml", text + "# altered\n"), ours, theirs, code=TROUBLE)
        self.assertEqual(jp.run("agreement", "list").stdout, "")
        added = jp.results("agreement", "add", file, theirs, ours)[0]
        self.assertIn("in force", jp.run("agreement", "list").stdout)
        self.assertEqual(jp.run("agreement", "show", added["hash"][:8], "--text").stdout, text)
        self.assertIn(text, jp.run("agreement", "show", added["hash"]).stdout)
        jp.run("agreement", "show", "ffffffffff", code=TROUBLE)

    def test_a_third_party_signs_nothing(self):
        _, _, text = self.draft()
        kr = self.node("KR-MND", "Ministry of National Defense")
        self.assertIn("KR-MND is no party", kr.run("agreement", "sign", self.write("a.yaml", text), code=TROUBLE).stderr)
        self.assertFalse((self.folder / "a.yaml.KR-MND.sig").exists())

    def test_an_amendment_names_the_version_it_amends(self):
        jp, us = self.pair()
        version = jp.results("agreement", "list")[0]["hash"]
        text = jp.run("agreement", "new", "--with", us.card, "--amends", version[:10]).stdout
        self.assertIn(f"\npredecessor: {version}", text)
        jp.run("agreement", "new", "--with", us.card, "--amends", "0123456789", code=TROUBLE)
        file = self.write("second.yaml", text)
        for node in (jp, us):
            node.run("agreement", "sign", file)
        jp.run("agreement", "add", file, *sorted(self.folder.glob("second.yaml.*.sig")))
        self.assertEqual([g["version"] for g in jp.results("agreement", "list")], [1, 2])


class Words(Case):
    KEYS = ("NTyKf+7KOLLEU24L0lhv2xjQcOUOBZ8dQ/i/77l6fOE=", "xoImN8fTEOxXYnvgC6JZ0lN0n0qvZERwz/vlOjX3MkI=")

    def agreement(self, name, *rules):
        return self.write(name, "renkei: agreement/v1\ntitle: t\neffective: 2026-01-01\nends: 2026-12-31\nparties:\n"
                          + "".join(f'  - {{id: {p}, name: {p}, key: "ed25519:{k}"}}\n' for p, k in zip(("AA", "BB"), self.KEYS))
                          + "release:\n  - from: AA\n    to: BB\n    no_tlp: amber\n    rules:\n"
                          + "".join(f"      - {rule}\n" for rule in rules))

    def test_lint_and_explain_need_no_node(self):
        green = "{clause: A, outcome: release, types: [all], tlp: [clear, green]}"
        narrow = "{clause: B, outcome: release, types: [malware], tlp: [green]}"
        good, bad = self.agreement("good.yaml", narrow, green), self.agreement("bad.yaml", green, narrow)
        self.assertEqual(run("agreement", "lint", good).stdout, "")
        self.assertIn("Clause B can never match", run("agreement", "lint", bad, code=NO).stdout)
        found = json.loads(run("--json", "agreement", "lint", bad, code=NO).stdout)
        self.assertEqual((found["kind"], found["clause"], found["line"]), ("never-matches", "B", 14))
        self.assertIn("Clause A may open more", run("agreement", "lint", good, "--before", self.agreement("old.yaml", narrow),
                                                    code=NO).stdout)
        self.assertIn("Clause A: released.", run("agreement", "explain", good).stdout)
        self.assertIn("条項 A：提供する。", run("agreement", "explain", good, "--lang", "ja").stdout)
        self.assertIn("조항 A: 제공한다.", json.loads(run("--json", "agreement", "explain", "--lang", "ko", good).stdout)["text"])
        run("agreement", "explain", good, "--lang", "xx", code=TROUBLE)
        run("agreement", "lint", self.write("no.yaml", "renkei: x"), code=TROUBLE)


class Amendment(Case):
    def amended(self, jp, old, new):
        held = jp.results("agreement", "list")[0]["hash"]
        text = (self.folder / "agreement.yaml").read_text().replace("# predecessor:", f"predecessor: {held} #", 1)
        self.assertIn(old, text)
        return self.write("next.yaml", text.replace(old, new, 1))

    def test_diff_says_what_would_change_and_releases_nothing(self):
        jp, us = self.pair()
        objects = (indicator(1, "one.example"), indicator(2, "two.example", labels=["draft"]))
        jp.run("import", self.write("b.json", bundle(*objects)))
        before = jp.results("ledger", "show")
        file = self.amended(jp, "labels: {any: [national-only]}", "labels: {any: [national-only, draft]}")
        change, total = jp.results("agreement", "diff", file)
        self.assertEqual((change["id"], change["change"], change["reason"]), (objects[1]["id"], "no-longer", "rule-withholds"))
        self.assertEqual((total["to"], total["newly_released"], total["no_longer"]), ("US-DOD", 0, 1))
        self.assertIn("- " + objects[1]["id"], jp.run("agreement", "diff", file).stdout)
        self.assertEqual(jp.results("ledger", "show"), before)
        jp.run("agreement", "diff", self.folder / "agreement.yaml", code=TROUBLE)

    def test_what_a_rule_redacts_goes_out_derived(self):
        jp, us = self.pair()
        file = self.amended(jp, "        tlp: [clear, green]", "        redact: {descriptions: true, times: 1d}\n        tlp: [clear, green]")
        for node in (jp, us):
            node.run("agreement", "sign", file)
        for node in (jp, us):
            node.run("agreement", "add", file, *sorted(self.folder.glob("next.yaml.*.sig")))
        told = indicator(1, "one.example", description="canary", created="2025-01-01T10:11:12.000Z",
                         modified="2025-01-01T10:11:12.000Z")
        jp.run("import", self.write("b.json", bundle(told)))
        why = jp.results("why", told["id"], "--to", "US-DOD")[0]["agreements"][0]
        self.assertEqual((why["decision"]["outcome"], why["decision"]["redacted"]), ("release", "descriptions, times"))
        self.assertNotEqual(why["released"]["id"], told["id"])

    def test_an_embargo_ends_by_itself(self):
        jp, us = self.pair()
        file = self.amended(jp, "        tlp: [clear, green]", "        embargo: 3s\n        tlp: [clear, green]")
        for node in (jp, us):
            node.run("agreement", "sign", file)
        for node in (jp, us):
            node.run("agreement", "add", file, *sorted(self.folder.glob("next.yaml.*.sig")))
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        fresh = indicator(1, "one.example", modified=now)
        jp.run("import", self.write("b.json", bundle(fresh)))
        why = lambda: jp.results("why", fresh["id"], "--to", "US-DOD")[0]["agreements"][0]
        self.assertEqual(why()["decision"]["reason"], "embargo")
        time.sleep(4)
        jp.run("import", self.write("c.json", bundle(indicator(2, "two.example"))))
        self.assertEqual(why()["released"]["id"], fresh["id"])


class Ledger(Case):
    def released(self):
        jp, us = self.pair()
        red = {"object_marking_refs": ["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]}
        done = jp.run("import", self.write("b.json", bundle(indicator(1, "evil.example"), indicator(2, "red.example", **red))))
        self.assertIn("Decided 2: released 1, withheld 1", done.stdout)
        return jp

    def test_why_says_what_decided(self):
        jp = self.released()
        self.assertIn("Released to US-DOD under clause", jp.run("why", stix_id("indicator", 1), "--to", "US-DOD").stdout)
        self.assertIn("Withheld", jp.run("why", stix_id("indicator", 2), "--to", "US-DOD").stdout)
        self.assertIn("No agreement with this party", jp.run("why", stix_id("indicator", 1), "--to", "KR-MND").stdout)
        jp.run("why", stix_id("indicator", 9), "--to", "US-DOD", code=TROUBLE)

    def test_a_release_is_taken_back_once(self):
        jp = self.released()
        self.assertIn("Withdrawn: 1 entries", jp.run("withdraw", stix_id("indicator", 1), "--from", "US-DOD").stdout)
        jp.run("withdraw", stix_id("indicator", 1), "--from", "US-DOD", code=TROUBLE)
        kinds = [entry["record"]["kind"] for entry in jp.results("ledger", "entries", "--to", "US-DOD")]
        self.assertEqual(kinds.count("withdraw"), 1)
        jp.run("ledger", "verify")

    def test_the_record_verifies_until_a_byte_of_it_is_changed(self):
        jp = self.released()
        self.assertIn("entries: verified", jp.run("ledger", "verify").stdout)
        self.assertTrue(all(v["verified"] for v in jp.results("ledger", "verify", "--to", "US-DOD")))
        with sqlite3.connect(jp.home / "realms/live/store.db") as store:
            row, record = store.execute("SELECT id, record FROM leaf ORDER BY id LIMIT 1").fetchone()
            changed = bytes(record).replace(b"release", b"releasf", 1)
            self.assertNotEqual(changed, bytes(record))
            store.execute("UPDATE leaf SET record = ? WHERE id = ?", (changed, row))
        store.close()
        self.assertIn("DOES NOT VERIFY", jp.run("ledger", "verify", code=NO).stdout)
        self.assertFalse(jp.results("ledger", "verify", code=NO)[0]["verified"])

    def test_a_receipt_is_a_tlog_proof(self):
        jp = self.released()
        receipt = jp.run("ledger", "prove", stix_id("indicator", 1), "--to", "US-DOD").stdout
        self.assertTrue(receipt.startswith("c2sp.org/tlog-proof@v1\n"))
        self.assertIn("renkei/jp-mod/us-dod/live/", receipt)
        jp.run("ledger", "prove", stix_id("indicator", 2), "--to", "US-DOD", code=TROUBLE)

    def test_where_there_is_no_ledger_nothing_is_claimed(self):
        node = self.node()
        self.assertIn("nothing to verify", node.run("ledger", "verify").stderr)
        node.run("ledger", "verify", "--to", "US-DOD", code=TROUBLE)
        node.run("ledger", "verify", "--from", "US-DOD", code=TROUBLE)


if __name__ == "__main__":
    unittest.main()
