"""Clocks that are hours apart, and one that is set back: partners still trust, verify and cosign each other; embargoes and ends go by
the clock of who decides; a notice that a party leaves now counts now; and the doctor says whose clock is wrong."""

import datetime
import json
import os
import pathlib
import subprocess
import sys

import taxii_nodes
from agreement_nodes import World, direction, made, stix_id

JP, US = "JP-MOD", "US-DOD"
HOURS = 5
FAKETIME = next(iter(sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


def shifted(hours):
    # A sanitizer wants to be loaded first, and need not be for this.
    options = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return {"LD_PRELOAD": str(FAKETIME), "FAKETIME": f"{hours:+}h", "ASAN_OPTIONS": options}


def at(hours):
    """What a clock says that is so many hours from the true one."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def terms(giver, taker, prefix):
    return direction(giver, taker, [
        f"{{clause: {prefix}-1, outcome: release, types: [all], tlp: [green], labels: {{any: [embargoed]}}, embargo: 3h}}",
        f"{{clause: {prefix}-2, outcome: release, types: [all], tlp: [green], labels: {{any: [passing]}}, expiry: 3h}}",
        f"{{clause: {prefix}-3, outcome: release, types: [all], tlp: [clear, green]}}"])


def fresh(number, hours, **properties):
    return made("indicator", number, created=at(hours), modified=at(hours), **properties)


def given(w, giver, taker, number, hours):
    """One object made now by the giver's clock, one older than embargo and expiry by it: what of them goes out?"""
    w.give(giver, fresh(number, hours, labels=["embargoed"]), fresh(number + 1, hours - 4, labels=["embargoed"]),
           fresh(number + 2, hours, labels=["passing"]), fresh(number + 3, hours - 4, labels=["passing"]))
    out = {e["id"] for e in w[giver].results("disclosed", "--to", taker, "--list") if e.get("id", "").startswith("indicator")}
    assert out == {stix_id("indicator", number + 1), stix_id("indicator", number + 2)}, out


def both_ways(w):
    """Both sync, twice: what the first brings, the second answers."""
    for giver, taker in ((JP, US), (US, JP)):
        w.sync(taker, giver)
        done = w[taker].results("sync", giver)[-1]
        assert all(ledger["verified"] and ledger["cosigned"] for ledger in done["ledgers"]), done
        w[taker].run("ledger", "verify", "--from", giver)
        w[giver].run("ledger", "audit")


def doctor(node):
    done = node.run("--json", "doctor", "--partners", check=False)
    return {f["check"]: f for f in map(json.loads, done.stdout.splitlines())}


def apart(hours):
    """US-DOD's clock is wrong from the first day on."""
    with World(JP, US, environments={US: shifted(hours)}) as w:
        jp, us = w[JP], w[US]
        agreed, _ = w.agree("terms", (JP, US), terms(JP, US, "JP") + terms(US, JP, "US"))
        given(w, JP, US, 10, 0)
        given(w, US, JP, 20, hours)
        both_ways(w)
        for taker, giver, number in ((US, JP, 10), (JP, US, 20)):
            assert {stix_id("indicator", number + n) for n in (1, 2)} <= set(w.held(taker, "indicator")), (taker, giver)
        seconds = {name: int(doctor(w[name])["partners"]["message"].split(" is ")[1].split()[0]) for name in (JP, US)}
        assert abs(seconds[JP] - hours * 3600) < 60 and abs(seconds[US] + hours * 3600) < 60, seconds
        assert doctor(jp)["partners"]["level"] == "warning"

        # What is taken back or erased at one is so at the other.
        jp.run("withdraw", stix_id("indicator", 12), "--from", US)
        us.run("erase", stix_id("indicator", 22), "--reason", "court order")
        both_ways(w)
        assert stix_id("indicator", 12) not in w.held(US, "indicator")
        assert stix_id("indicator", 22) not in w.held(JP, "indicator")
        jp.run("erase", "accept", stix_id("indicator", 22))
        both_ways(w)
        assert [a["answer"] for a in us.results("erase", "list")[0]["asked"]] == ["erased"]

        # Keys that are valid from hours to come on are the partner's from now on.
        us.stop()
        us.run("key", "rotate")
        both_ways(w)

        # US-DOD leaves now: nothing goes to it from now on, whatever its clock calls "now".
        notice = w.folder / "notice.json"
        us.run("agreement", "terminate", agreed[:12], "--file", notice)
        jp.run("agreement", "terminate", "--add", notice)
        before = jp.results("ledger", "show")[0]["size"]
        w.give(JP, made("indicator", 30))
        assert jp.results("ledger", "show")[0]["size"] == before, "released to a party that has left"
        print(f"{hours:+} h: doctor's difference {seconds[JP]} s; {before} entries")


def set_back():
    """A node's clock was hours ahead, and is set right: its ledger goes on, in order, and the partner sees one ledger."""
    with World(JP, US, environments={JP: shifted(HOURS)}) as w:
        jp, us = w[JP], w[US]
        w.agree("terms", (JP, US), terms(JP, US, "JP") + terms(US, JP, "US"))
        w.give(JP, *(made("indicator", n) for n in range(1, 20)))
        both_ways(w)
        jp.stop()
        for name in shifted(HOURS):
            del jp.environment[name]
        w.give(JP, *(made("indicator", n) for n in range(20, 40)))
        jp.run("withdraw", stix_id("indicator", 1), "--from", US)
        both_ways(w)
        found = doctor(jp)["clock"]
        assert found["level"] == "error" and "behind the newest entry" in found["message"], found
        times = [e["time"] for e in jp.results("ledger", "entries")]
        assert times == sorted(set(times)) and len(times) == 41, times
        assert len(w.held(US, "indicator")) == 38
        jp.run("audit", "verify")
        print(f"set back: {found['message']}")


def main():
    if not FAKETIME:
        taxii_nodes.skip("there is no libfaketime here (apt-get install libfaketime)")
    if subprocess.run([taxii_nodes.PROGRAM, "--version"], env=os.environ | shifted(1), capture_output=True).returncode:
        taxii_nodes.skip("libfaketime and a sanitizer do not go together")
    apart(HOURS)
    apart(-HOURS)
    set_back()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
