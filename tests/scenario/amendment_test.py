#!/usr/bin/env python3
"""An agreement lives: it is amended in the middle of feeds, narrowed, and keys change; cursors go on, and what is taken back reaches
the partner."""

import datetime
import json
import sys
import time

from agreement_nodes import World, direction, made, stix_id

ALL = "{clause: JP-1, outcome: release, types: [all], tlp: [clear, green]}"
NO_DRAFTS = "{clause: JP-0, outcome: withhold, types: [indicator], labels: {any: [draft]}}"
PLAIN = "{clause: JP-2, outcome: release, types: [malware], tlp: [green], redact: {descriptions: true}}"
BACK = direction("US-DOD", "JP-MOD", ["{clause: US-1, outcome: release, types: [all], tlp: [clear, green]}"])


def feed(w):
    """What US holds of JP's, and how far its cursor is."""
    w.sync("US-DOD", "JP-MOD")
    return {id for kind in ("indicator", "malware", "note") for id in w.held("US-DOD", kind)}


def moment():
    """A time after all that is done and before all that follows."""
    time.sleep(0.002)
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def asked(w, id, at=()):
    under = w["JP-MOD"].results("why", id, "--to", "US-DOD", *at)[0]["agreements"][0]
    return under["decision"]["outcome"], under["decision"].get("clause"), under.get("released", {}).get("state")


def rotated(w, name):
    """The node has new keys; partners learn them from the card at the next sync."""
    w[name].stop()
    w[name].run("key", "rotate")
    w[name].serve()


def main():
    with World("JP-MOD", "US-DOD") as w:
        jp = w["JP-MOD"]
        first, _ = w.agree("first", w.names, direction("JP-MOD", "US-DOD", [ALL]) + BACK)
        draft, final = made("indicator", 1, labels=["draft"]), made("indicator", 2)
        malware = made("malware", 3, description="how we know")
        note = made("note", 4, content="on the draft", object_refs=[draft["id"]])
        w.give("JP-MOD", draft, final, malware, note)
        everything = {o["id"] for o in (draft, final, malware, note)}
        assert feed(w) == everything
        before = jp.results("ledger", "show")[0]

        wide = moment()

        # Narrowed: nothing is taken back by itself, the node says what is out, and the feed goes on where it was.
        second, said = w.agree("second", w.names, direction("JP-MOD", "US-DOD", [NO_DRAFTS, PLAIN, ALL]) + BACK, before=first)
        assert said["JP-MOD"]["no_longer"] == 2, said
        w.give("JP-MOD", made("indicator", 5), made("indicator", 6, labels=["draft"]))
        assert feed(w) == everything | {stix_id("indicator", 5)}
        after = jp.results("ledger", "show")[0]
        assert after["collection"] == before["collection"] and after["size"] == before["size"] + 1, (before, after)
        listed = jp.results("withdraw", "--no-longer", "--dry-run")
        assert {(o["id"], o["reason"]) for o in listed[:-1]} == {(draft["id"], "rule-withholds"), (malware["id"], "redacted")}, listed
        assert jp.results("ledger", "show")[0]["size"] == after["size"], "a dry run writes nothing"
        assert draft["id"] in jp.run("withdraw", "--no-longer", "--dry-run", "--from", "US-DOD").stdout

        # Taken back, with what named it; the malware goes again without its description.
        total = jp.results("withdraw", "--no-longer", "--from", "US-DOD")[-1]
        assert (total["no_longer"], total["withdrawn"], total["released"]) == (2, 3, 1), total
        held = feed(w)
        assert held & everything == {final["id"]} and len(held) == 3, held
        text = json.dumps([s["object"] for s in w.held("US-DOD", "malware").values()])
        assert "how we know" not in text and malware["id"] not in text
        assert w.why("JP-MOD", draft["id"], "US-DOD")[0]["decision"]["reason"] == "rule-withholds"
        assert jp.results("withdraw", "--no-longer")[-1]["no_longer"] == 0

        # What was decided then is still known, and what was given is told.
        assert asked(w, draft["id"]) == ("withhold", "JP-0", "withdrawn")
        assert asked(w, draft["id"], ("--at", wide)) == ("release", "JP-1", "current")
        assert jp.run("why", draft["id"], "--to", "US-DOD", "--at", "2026-01-01T00:00:00Z", check=False).returncode == 2
        assert jp.run("why", draft["id"], "--to", "US-DOD", "--at", "then", check=False).returncode == 2
        told = jp.results("disclosed", "--to", "US-DOD")[-1]
        assert (told["released"], told["taken_back"], told["standing"]) == (7, 3, 4), told  # with the own identity
        assert told["types"] == {"indicator": 3, "malware": 2, "identity": 1, "note": 1} and told["markings"] == {"green": 6, "none": 1}, told
        assert told["clauses"] == {"JP-1": 6, "JP-2": 1}, told
        before_that = jp.results("disclosed", "--to", "US-DOD", "--until", wide, "--list")
        assert (len(before_that), before_that[-1]["released"], before_that[-1]["standing"]) == (6, 5, 2), before_that
        assert jp.results("disclosed", "--to", "US-DOD", "--since", moment())[-1]["released"] == 0
        assert "Released to US-DOD: 7" in jp.run("disclosed", "--to", "US-DOD").stdout
        assert jp.run("disclosed", "--to", "KR-MND", check=False).returncode == 2

        # Wider again: what policy took back goes again, what somebody withdrew does not.
        jp.run("withdraw", final["id"], "--from", "US-DOD")
        third, said = w.agree("third", w.names, direction("JP-MOD", "US-DOD", [ALL]) + BACK, before=second)
        assert said["JP-MOD"]["no_longer"] == 0, said
        assert feed(w) == (everything - {final["id"]}) | {stix_id("indicator", n) for n in (5, 6)}

        # New keys in the middle of the ledger: agreement key, log key and certificate at once.
        old_key = w.key("JP-MOD")
        rotated(w, "JP-MOD")
        assert w.key("JP-MOD") != old_key
        w.give("JP-MOD", made("indicator", 7))
        assert stix_id("indicator", 7) in feed(w), "the feed goes on under the new log key"
        assert w["US-DOD"].results("ledger", "verify", "--from", "JP-MOD")[0]["verified"]
        assert jp.results("ledger", "verify")[0]["verified"]
        # The agreement signed with the key before still holds; an amendment is signed with the new one.
        _, said = w.agree("fourth", w.names, direction("JP-MOD", "US-DOD", [NO_DRAFTS, ALL]) + BACK, before=third)
        assert said["JP-MOD"]["no_longer"] == 2, said
        w.give("JP-MOD", made("indicator", 8))
        assert stix_id("indicator", 8) in feed(w)
        assert [a["version"] for a in jp.results("agreement", "list")] == [1, 2, 3, 4]
    return 0


if __name__ == "__main__":
    sys.exit(main())
