#!/usr/bin/env python3
"""A node is lost and comes back from an older backup: its ledgers are not forked, and what was missing comes back from
the partner that had it."""

import json
import pathlib
import shutil
import sys
import threading
import time

from agreement_nodes import World, direction, made, stix_id

ALL = "{clause: JP-1, outcome: release, types: [all], tlp: [clear, green]}"
BACK = direction("US-DOD", "JP-MOD", ["{clause: US-1, outcome: release, types: [all], tlp: [clear, green]}"])


def lose(w, node, backup, *more):
    """The node's folder is gone; it is made anew from the backup."""
    node.stop()
    shutil.rmtree(node.home)
    return node.results("restore", backup, *more)[0]


def size(node):
    return node.results("ledger", "show")[0]["size"]


def check_made_while_serving(w, jp):
    """The copy is of one moment, although objects keep coming; and it says who made it of what."""
    jp.serve()
    stop = threading.Event()

    def give():
        number = 1000
        while not stop.is_set():
            w.give("JP-MOD", *[made("indicator", number + n) for n in range(20)])
            number += 20

    giver = threading.Thread(target=give)
    giver.start()
    time.sleep(0.3)
    backup = w.folder / "while-serving"
    said = jp.results("backup", backup)[0]
    stop.set()
    giver.join()
    assert said["keys"] and said["ledgers"] == 1 and said["party"] == "JP-MOD", said
    assert (backup / "backup.json").stat().st_mode & 0o077 == 0 and backup.stat().st_mode & 0o077 == 0
    there = w.folder / "elsewhere"
    jp.run("--home", there, "restore", backup)
    assert jp.results("--home", there, "ledger", "verify")[0]["verified"]
    assert jp.results("--home", there, "audit", "verify")[0]["entries"]
    return backup


def check_refused(w, jp, backup):
    """What is no backup, or was altered, is not restored; nor is anything over a node."""
    there = w.folder / "refused"
    assert jp.run("--home", jp.home, "restore", backup, check=False).returncode == 2
    assert jp.run("backup", backup, check=False).returncode == 2
    assert "no backup" in jp.run("--home", there, "restore", w.folder, check=False).stderr
    altered = w.folder / "altered"
    shutil.copytree(backup, altered)
    with open(altered / "realms/live/store.db", "r+b") as f:
        f.seek(9000)
        f.write(b"?")
    assert "altered" in jp.run("--home", there, "restore", altered, check=False).stderr
    manifest = json.loads((backup / "backup.json").read_text())
    manifest["files"][0]["path"] = "keys/../../escaped"
    shutil.rmtree(altered)
    shutil.copytree(backup, altered)
    (altered / "backup.json").write_text(json.dumps(manifest))
    assert jp.run("--home", there, "restore", altered, check=False).returncode == 2
    assert not there.exists() and not (w.folder / "escaped").exists()


def check_nothing_lost(w, jp, us):
    """The newest state comes back: the ledger goes on at once."""
    backup = w.folder / "newest"
    jp.run("backup", "--without-keys", backup)
    keys = w.folder / "kept-keys"
    shutil.copytree(jp.home / "keys", keys)
    assert not (backup / "keys").exists()
    assert "--keys" in jp.run("--home", w.folder / "x", "restore", backup, check=False).stderr
    before = size(jp)
    said = lose(w, jp, backup, "--keys", keys)
    assert said["ledgers_on_hold"] == 1, said
    # On hold: what comes in is kept, and waits.
    w.give("JP-MOD", made("indicator", 20))
    assert size(jp) == before
    assert "on hold" in jp.run("key", "rotate", check=False).stderr
    assert "on hold" in jp.run("withdraw", stix_id("indicator", 1), "--from", "US-DOD", check=False).stderr
    jp.serve()
    assert us.run("sync", "JP-MOD", check=False).returncode == 2, "a ledger on hold is not served"
    us.serve()
    pulled = jp.results("sync", "US-DOD")[-1]
    assert (pulled["restored"], pulled["recovered"]) == (1, 0), pulled
    assert jp.results("restore", "status") == []
    w.give("JP-MOD", made("indicator", 21))
    us.run("sync", "JP-MOD")
    assert {stix_id("indicator", n) for n in (20, 21)} <= set(w.held("US-DOD", "indicator"))


def check_given_back(w, jp, us):
    """The backup is older than what the partner has: entries, a withdrawal among them, come back and are the same."""
    backup = w.folder / "older"
    jp.run("backup", backup)
    old = size(jp)
    w.give("JP-MOD", *[made("indicator", n) for n in range(100, 700)])
    jp.run("withdraw", stix_id("indicator", 101), "--from", "US-DOD")
    w.give("JP-MOD", made("malware", 102, description="seen once"))
    us.run("sync", "JP-MOD")
    newest, entries = size(jp), jp.results("ledger", "entries")
    assert newest == old + 602

    lose(w, jp, backup)
    assert size(jp) == old
    jp.serve()
    pulled = jp.results("sync", "US-DOD")[-1]
    assert (pulled["restored"], pulled["recovered"]) == (1, 602), pulled
    assert size(jp) == newest
    assert jp.results("ledger", "verify")[0]["verified"]
    again = jp.results("ledger", "entries")
    assert again == entries
    # The partner goes on from where it was, and one that begins anew gets all of it.
    w.give("JP-MOD", made("indicator", 800), made("indicator", 300))
    done = us.results("sync", "JP-MOD")[-1]
    assert done["ledgers"][0]["verified"] and done["added"] == 1, done
    assert size(jp) == newest + 1, "what had gone out did not go out again"
    assert jp.results("disclosed", "--to", "US-DOD")[-1]["taken_back"] == 1


def check_lost_for_good(w, jp, us):
    """The partner itself was put back to an older state: nobody has the entries, so the ledger is closed."""
    backup = w.folder / "jp-old"
    jp.run("backup", backup)
    w.give("JP-MOD", made("indicator", 900))
    us.run("sync", "JP-MOD")
    # A head that the restored node never signed is not continued, whatever the partner says.
    lose(w, jp, backup)
    us.stop()
    jp.serve()
    assert jp.run("sync", "US-DOD", check=False).returncode == 2
    held = jp.results("restore", "status")
    assert len(held) == 1 and not held[0]["closed"], held
    w.give("JP-MOD", made("indicator", 901))
    assert jp.run("restore", "close", "renkei/of/no/one", check=False).returncode == 2
    closed = jp.results("restore", "close", held[0]["origin"])[0]
    assert closed["closed"]
    us.serve()
    jp.run("sync", "US-DOD")
    assert jp.results("restore", "status")[0]["closed"], "closed is closed"
    before = size(jp)
    # A new agreement, and with it a new ledger.
    w.agree("new", w.names, direction("JP-MOD", "US-DOD", [ALL]) + BACK)
    w.give("JP-MOD", made("indicator", 902))
    us.run("sync", "JP-MOD", check=False)
    assert {stix_id("indicator", n) for n in (901, 902)} <= set(w.held("US-DOD", "indicator"))
    assert before == jp.results("ledger", "show")[0]["size"]
    # Nothing can be said in a closed ledger any more; what it once gave can be erased all the same.
    jp.run("erase", stix_id("indicator", 1), "--reason", "court order")
    assert before == jp.results("ledger", "show")[0]["size"]
    jp.run("ledger", "audit")


def main():
    with World("JP-MOD", "US-DOD") as w:
        jp, us = w["JP-MOD"], w["US-DOD"]
        w.agree("first", w.names, direction("JP-MOD", "US-DOD", [ALL]) + BACK)
        w.give("JP-MOD", *[made("indicator", n) for n in range(1, 10)])
        backup = check_made_while_serving(w, jp)
        check_refused(w, jp, backup)
        us.run("sync", "JP-MOD")
        check_nothing_lost(w, jp, us)
        check_given_back(w, jp, us)
        check_lost_for_good(w, jp, us)
    return 0


if __name__ == "__main__":
    sys.exit(main())
