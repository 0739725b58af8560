#!/usr/bin/env python3
"""What is redacted is one graph at the receiver: relationships and reports name the derived objects, no original id is among them,
and a sighting of a derived object is found at its original."""

import json
import sys

from agreement_nodes import SIGHTINGS, World, direction, made, stix_id

REDACTED = ("{clause: JP-1, outcome: release, types: [malware, indicator], tlp: [green], redact: {descriptions: true, times: 1d}, "
            "purpose: {pap: amber, provider_attribution: must-not}}")
REST = "{clause: JP-2, outcome: release, types: [all], tlp: [clear, green]}"


def graph():
    malware = made("malware", 1, description="how we know")
    indicators = [made("indicator", n, description="how we know") for n in range(10, 14)]
    links = [made("relationship", n + 100, relationship_type="indicates", source_ref=stix_id("indicator", n), target_ref=malware["id"])
             for n in range(10, 14)]
    report = made("report", 200, name="all of it", published="2026-01-01T00:00:00Z",
                  object_refs=[o["id"] for o in links + indicators + [malware]])
    return [report, *links, malware, *indicators]


def main():
    with World("JP-MOD", "US-DOD") as w:
        w.agree("first", w.names, direction("JP-MOD", "US-DOD", [REDACTED, REST], SIGHTINGS)
                + direction("US-DOD", "JP-MOD", ["{clause: US-1, outcome: release, types: [all], tlp: [clear, green]}"]))
        objects = graph()
        w.give("JP-MOD", *objects)
        w.sync("US-DOD", "JP-MOD")
        held = {kind: w.held("US-DOD", kind) for kind in ("malware", "indicator", "relationship", "report")}
        assert [len(h) for h in held.values()] == [1, 4, 4, 1], {k: len(h) for k, h in held.items()}
        everything = {id for h in held.values() for id in h}
        for h in held.values():
            for shown in h.values():
                o = shown["object"]
                for name in (o.get("source_ref"), o.get("target_ref"), *o.get("object_refs", ())):
                    assert name is None or name in everything, f"{o['id']} names {name}, which did not come"
        text = "".join(json.dumps(shown["object"]) for h in held.values() for shown in h.values())
        for o in objects:
            assert o["id"] not in text, f"the original id of {o['type']} shows"
        assert "how we know" not in text

        # What the clause says about its use came along.
        for id in held["malware"]:
            assert held["malware"][id]["handling"]["labels"] == ["IEP:provider-attribution=must-not", "PAP:AMBER"], held["malware"][id]
        assert not next(iter(held["report"].values()))["handling"]["labels"], "its clause limits nothing"

        # The same again is no news: ids are stable, also for what comes later.
        more = made("relationship", 300, relationship_type="related-to", source_ref=stix_id("indicator", 10), target_ref=stix_id("indicator", 11))
        w.give("JP-MOD", *objects, more)
        w.sync("US-DOD", "JP-MOD")
        links = w.held("US-DOD", "relationship")
        assert len(links) == 5
        new = next(shown["object"] for id, shown in links.items() if id not in held["relationship"])
        assert {new["source_ref"], new["target_ref"]} <= set(held["indicator"])

        # A sighting of what came goes back, and JP sees it at its own indicator.
        seen = next(id for id, shown in held["indicator"].items() if "h12.example" in shown["object"]["pattern"])
        w.give("US-DOD", made("sighting", 400, sighting_of_ref=seen, count=7, last_seen="2026-02-02T02:02:02Z"))
        w.sync("JP-MOD", "US-DOD")
        shown = w["JP-MOD"].results("show", stix_id("indicator", 12))[0]
        assert [(s["source"], s["count"]) for s in shown["sightings"]] == [("US-DOD", 7)], shown["sightings"]
        assert w["JP-MOD"].results("show", seen)[0]["id"] == stix_id("indicator", 12), "a derived id leads to its original"
        assert "seen      by US-DOD, 7 times" in w["JP-MOD"].run("show", stix_id("indicator", 12)).stdout
        assert not w["JP-MOD"].results("show", stix_id("indicator", 13))[0]["sightings"]

        # Taken back as a whole, with what names it.
        w["JP-MOD"].run("withdraw", stix_id("malware", 1), "--from", "US-DOD")
        w.sync("US-DOD", "JP-MOD")
        assert (len(w.held("US-DOD", "malware")), len(w.held("US-DOD", "relationship")), len(w.held("US-DOD", "report"))) == (0, 1, 0)
        assert w["JP-MOD"].results("ledger", "verify")[0]["verified"]
    return 0


if __name__ == "__main__":
    sys.exit(main())
