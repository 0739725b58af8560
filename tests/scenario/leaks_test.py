#!/usr/bin/env python3
"""What leaked from other systems, each guarded by name: between real nodes, over the wire, and in the partner's folder."""

import json
import sys
import unittest

from agreement_nodes import World, direction, made, stix_id

JP, US, KR = "JP-MOD", "US-DOD", "KR-MND"
ALL = "{clause: JP-1, outcome: release, types: [all], tlp: [clear, green]}"


def objects_at(w, name):
    return {id for kind in ("indicator", "malware", "relationship", "report", "note", "sighting", "vulnerability")
            for id in w.held(name, kind)}


def reaches(w, name, word):
    """Whether a word stands anywhere in a node's folder: store, journal, logs, index."""
    return any(word.encode() in path.read_bytes() for path in w[name].home.rglob("*") if path.is_file())


class Leaks(unittest.TestCase):
    def test_an_empty_rule_set_releases_nothing(self):
        with World(JP, US) as w:
            for rules in ([], ["{clause: JP-1, outcome: withhold, types: [all]}"]):
                name = f"rules{len(rules)}"
                file = (f"  - from: {JP}\n    to: {US}\n    no_tlp: clear\n    rules: []\n" if not rules else direction(JP, US, rules))
                w.agree(name, (JP, US), file)
            w.give(JP, made("indicator", 1, "clear"), made("malware", 2, "green"))
            self.assertEqual([e["size"] for e in w[JP].results("ledger", "show")], [0, 0])
            w.sync(US, JP)
            self.assertEqual(objects_at(w, US), set())
            self.assertFalse(reaches(w, US, stix_id("indicator", 1)))

    def test_a_renamed_or_renumbered_party_changes_nothing(self):
        """Rules go by a party's id and key, never by its name, its place in a list or its row in a table."""
        with World(KR, US, JP) as w:
            terms = direction(JP, US, [ALL]) + direction(JP, KR, ["{clause: JP-2, outcome: release, types: [malware], tlp: [green]}"])
            first, _ = w.agree("first", (JP, US, KR), terms)
            w.give(JP, made("indicator", 1), made("malware", 2))
            before = {e["recipient"]: e["size"] for e in w[JP].results("ledger", "show")}
            file = w.write("second", (KR, JP, US), terms, before=first)  # another order, other names
            file.write_text(file.read_text().replace(f"name: {KR}", f"name: {US}").replace(f"id: {US}, name: {US}", f"id: {US}, name: {KR}"))
            signatures = []
            for p in (JP, US, KR):
                signatures.append(w.folder / f"second.{p}.sig")
                w[p].run("agreement", "sign", "--to", signatures[-1], file)
            said = w[JP].results("agreement", "add", file, *signatures)[-1]
            self.assertEqual((said["released"], said["no_longer"]), (0, 0))
            self.assertEqual({e["recipient"]: e["size"] for e in w[JP].results("ledger", "show")}, before)
            # A stranger that takes a party's name is no party.
            w[JP].run("party", "remove", KR)
            w.give(JP, made("malware", 3))
            self.assertEqual({e["recipient"]: e["size"] for e in w[JP].results("ledger", "show")}[KR], before[KR])

    def test_deletions_and_marking_changes_reach_the_partner(self):
        with World(JP, US) as w:
            w.agree("open", (JP, US), direction(JP, US, [ALL]))
            later = {"modified": "2026-02-01T00:00:00.000Z"}
            w.give(JP, made("indicator", 1), made("indicator", 2), made("indicator", 3), made("malware", 4),
                   made("relationship", 5, relationship_type="indicates", source_ref=stix_id("indicator", 2), target_ref=stix_id("malware", 4)))
            w.sync(US, JP)
            self.assertEqual(len(objects_at(w, US) & {stix_id("indicator", n) for n in (1, 2, 3)}), 3)
            w.give(JP, made("indicator", 1, revoked=True, **later))  # deleted by its creator
            w.give(JP, made("indicator", 2, "red", name="only ours now", **later))  # marked more strictly by its creator
            w.give(JP, made("indicator", 3), tlp="red")  # and by local handling
            w.sync(US, JP)
            self.assertTrue(w.held(US, "indicator")[stix_id("indicator", 1)]["object"]["revoked"])
            self.assertEqual(objects_at(w, US) & {stix_id(*o) for o in (("indicator", 2), ("indicator", 3), ("relationship", 5))}, set())
            self.assertIn(stix_id("malware", 4), objects_at(w, US))
            self.assertFalse(reaches(w, US, "only ours now"))
            # Neither a version nor a record of the feed tells why, or that there is another version.
            for e in w[JP].results("ledger", "entries", "--to", US, "--limit", "100"):
                self.assertNotIn("2026-02-01", json.dumps(e["record"]) if e["record"]["object"] != stix_id("indicator", 1) else "")

    def test_a_restricted_object_never_shows_not_even_as_an_id(self):
        with World(JP, US) as w:
            w.agree("open", (JP, US), direction(JP, US, [ALL], "    sightings: {return: true, name_member: false}\n"))
            secret = made("malware", 0xbad, "red")
            seen = made("sighting", 5, sighting_of_ref=secret["id"])
            around = [made("relationship", 2, relationship_type="indicates", source_ref=stix_id("indicator", 1), target_ref=secret["id"]),
                      made("report", 3, name="r", published="2026-01-01T00:00:00Z", object_refs=[stix_id("indicator", 1), secret["id"]]),
                      made("note", 4, content="n", object_refs=[secret["id"]]), seen,
                      made("note", 6, content="n", object_refs=[seen["id"]]),
                      made("indicator", 7, x_related=[{"to": secret["id"]}])]
            w.give(JP, made("indicator", 1), secret, *around)
            w.sync(US, JP)
            # A deletion of what never went out is no news either.
            w.give(JP, made("malware", 0xbad, "red", revoked=True, modified="2026-02-01T00:00:00.000Z"))
            w[JP].run("withdraw", secret["id"], "--from", US, check=False)
            w.sync(US, JP)
            self.assertEqual(objects_at(w, US), {stix_id("indicator", 1)})
            for o in [secret, *around]:
                self.assertFalse(reaches(w, US, o["id"]), o["id"])

    def test_the_same_words_in_three_languages(self):
        with World(JP, US) as w:
            terms = direction(JP, US, ["{clause: JP-1, outcome: release, types: [indicator], tlp: [green], embargo: 7d, expiry: 1y, "
                                       "redact: {creator: true}, purpose: {pap: amber}}",
                                       "{clause: JP-2, outcome: withhold, types: [all], when: 'age > 30d or label = draft'}"],
                              "    onward:\n      - {clause: JP-O, outcome: consent, to: [KR-MND]}\n    opinions: {return: true}\n")
            file = w.write("words", (JP, US), terms.replace("to: [KR-MND]", "to: [all]"))
            said = {lang: w[JP].run("agreement", "explain", "--lang", lang, file).stdout for lang in ("en", "ja", "ko")}
            lines = {lang: [line for line in text.splitlines() if line.strip()] for lang, text in said.items()}
            self.assertEqual(len(lines["en"]), len(lines["ja"]))
            self.assertEqual(len(lines["en"]), len(lines["ko"]))
            for lang, text in said.items():
                for clause in ("JP-1", "JP-2", "JP-O"):
                    self.assertIn(clause, text, lang)
            self.assertTrue(any("\u3040" <= c <= "\u30ff" for c in said["ja"]) and any("\uac00" <= c <= "\ud7a3" for c in said["ko"]))
            self.assertFalse(any(c > "\u2fff" for c in said["en"]))


if __name__ == "__main__":
    unittest.main()
