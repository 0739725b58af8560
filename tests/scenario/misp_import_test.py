#!/usr/bin/env python3
"""MISP events become STIX: what of each, how strictly marked, the same when imported again, newer when the event is."""

import json
import sys

import misp_event
from misp_event import CLUSTER, EVENT, ORG, OTHER_ORG, T1566, uuid
from taxii_nodes import Pair

AMBER, RED = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
EXTENSION = "extension-definition--8042db51-2e90-42cf-a517-827230854e65"
PAP_AMBER = "marking-definition--60f8932b-e51e-4458-b265-a2e8be9a80ab"
PATTERNS = {
    1: "[domain-name:value = 'evil.example']",
    2: "[network-traffic:dst_ref.value = '203.0.113.9' AND network-traffic:dst_port = 8443]",
    3: f"[file:hashes.'SHA-256' = '{'ab' * 32}']",
    7: "rule a { condition: true }",
    8: "[url:value = 'http://evil.example/gate.php']",
    9: "[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']",
    12: "[domain-name:value = 'mail.evil.example']",
    102: "[file:hashes.MD5 = '0cc175b9c0f1b6a831c399e269772661']",
}


class Import:
    def __init__(self, node, folder):
        self.node, self.folder = node, folder

    def take(self, content, *flags, check=True):
        file = self.folder / "misp.json"
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        return self.node.results("import", *flags, file, check=check)

    def show(self, id):
        return self.node.results("show", id)[0]

    def objects(self, kind):
        return [self.show(found["id"])["object"] for found in self.node.results("search", "--type", kind, "--limit", 1000)]

    def object(self, kind, n):
        return self.show(f"{kind}--{uuid(n) if isinstance(n, int) else n}")["object"]


def check_objects(misp):
    for n, pattern in PATTERNS.items():
        held = misp.object("indicator", n)
        assert held["pattern"] == pattern, held
        assert held["created_by_ref"] == f"identity--{ORG}" and held["created"].startswith("2020-09-13T00:00:00"), held
        assert held["object_marking_refs"] == [RED if n == 8 else AMBER, PAP_AMBER], held  # the event's, and stricter
        assert held["confidence"] == 70, held
    assert misp.object("indicator", 7)["pattern_type"] == "yara"
    assert misp.object("indicator", 9)["revoked"] is True
    first = misp.object("indicator", 1)
    assert first["valid_from"] == "2020-09-01T00:00:00.000Z" and first["valid_until"] == "2023-11-14T22:13:20.000Z", first
    assert first["description"] == "C2" and first["modified"] == "2020-09-13T12:28:20.000Z"
    assert misp.object("ipv4-addr", 4)["value"] == "198.51.100.0/24"
    assert misp.object("observed-data", 4)["object_refs"] == [f"ipv4-addr--{uuid(4)}"]
    assert misp.object("note", 5)["content"] == "sent on a Sunday"
    assert misp.object("vulnerability", 6)["external_references"] == [{"source_name": "cve", "external_id": "CVE-2020-0601"}]
    assert misp.object("sighting", 901)["where_sighted_refs"] == [f"identity--{OTHER_ORG}"]
    assert misp.object("opinion", 902)["opinion"] == "strongly-disagree"
    file = misp.object("file", 100)
    assert (file["name"], file["size"], file["hashes"]) == ("drop.exe", 1, {"MD5": "0cc175b9c0f1b6a831c399e269772661"}), file
    grouping = misp.object("grouping", 100)
    assert set(grouping["object_refs"]) == {f"indicator--{uuid(102)}", f"observed-data--{uuid(100)}"}, grouping
    reference = misp.object("relationship", 110)
    assert (reference["relationship_type"], reference["source_ref"], reference["target_ref"]) == (
        "connected-to", f"grouping--{uuid(100)}", f"indicator--{uuid(1)}"), reference
    assert misp.object("note", 120)["content"] == "text: Seen by two yards\n"
    assert misp.object("note", 130)["object_refs"] == [f"report--{EVENT}"]
    actor = misp.object("threat-actor", CLUSTER)
    assert (actor["name"], actor["aliases"]) == ("Tidal Heron", ["TH-1"]), actor
    report = misp.object("report", EVENT)
    assert report["name"] == "Phishing of shipyards" and report["published"] == "2020-09-13T12:31:40.000Z"
    assert {f"indicator--{uuid(1)}", f"grouping--{uuid(100)}", actor["id"]} <= set(report["object_refs"])
    assert not any(ref.split("--")[0] in ("note", "sighting", "opinion") for ref in report["object_refs"])
    assert f"indicator--{uuid(8)}" not in report["object_refs"]  # stricter than its event: named apart, as strictly
    [apart] = [o for o in misp.objects("grouping") if o.get("extensions", {}).get(EXTENSION, {}).get("part_of") == EVENT]
    assert apart["object_refs"] == [report["id"], f"indicator--{uuid(8)}"] and RED in apart["object_marking_refs"], apart
    assert "our-own" not in report["labels"] and "tlp:amber" in report["labels"], report
    handling = misp.show(f"report--{EVENT}")["handling"]
    assert handling["tlp"] == "amber+strict", handling
    assert handling["labels"] == ["misp:distribution=\"1\"", "our-own"], handling
    assert misp.show(f"indicator--{uuid(8)}")["handling"]["tlp"] == "red"
    return report


def check_galaxies(misp, report):
    """ATT&CK's own object where it is held, otherwise one that names its number."""
    [pattern] = [ref for ref in report["object_refs"] if ref.startswith("attack-pattern--")]
    assert pattern != f"attack-pattern--{T1566}"
    made = misp.show(pattern)["object"]
    assert made["name"] == "Phishing" and {"source_name": "mitre-attack", "external_id": "T1566"} in made["external_references"], made
    misp.take({"type": "attack-pattern", "spec_version": "2.1", "id": f"attack-pattern--{T1566}", "name": "Phishing",
               "created": "2020-03-02T18:45:07.892Z", "modified": "2024-10-15T15:17:46.612Z"})
    misp.take({"Event": misp_event.event(timestamp="1600000201")})
    assert f"attack-pattern--{T1566}" in misp.object("report", EVENT)["object_refs"]


def check_stix(node, folder):
    """Another reader takes every object."""
    try:
        import stix2
    except ModuleNotFoundError:
        return print("stix2 is not here: nobody else has read them")
    seen = 0
    for kind in ("indicator", "report", "grouping", "note", "observed-data", "sighting", "opinion", "relationship", "file", "threat-actor"):
        for found in node.results("search", "--type", kind, "--limit", 1000):
            stix2.parse(node.results("show", found["id"])[0]["object"], version="2.1", allow_custom=False)
            seen += 1
    assert seen > 20, seen


def check_versions(misp):
    """Again: nothing. A later event: new versions of what it changes. An earlier one: nothing that counts."""
    again = misp.take({"Event": misp_event.event(timestamp="1600000201")})[0]
    assert (again["added"], again["rejected"]) == (0, 0) and again["known"] == again["read"] > 25, again
    later = misp_event.event(timestamp="1600009000", distribution="0")
    later["Attribute"][0].update(timestamp="1600008000", comment="sinkholed")
    later["Tag"][0]["name"] = "tlp:green"
    assert misp.take({"Event": later})[0]["rejected"] == 0
    domain, port = misp.object("indicator", 1), misp.object("indicator", 2)
    assert (domain["description"], domain["modified"]) == ("sinkholed", "2020-09-13T14:40:00.000Z"), domain
    assert domain["created"].startswith("2020-09-13T00:00:00")
    assert port["modified"] == "2020-09-13T14:56:40.000Z", port  # only its event's marking changed
    assert misp.show(f"indicator--{uuid(2)}")["handling"]["tlp"] == "red"
    misp.take({"Event": misp_event.event(timestamp="1600000201")})
    assert misp.object("indicator", 1)["description"] == "sinkholed" and misp.object("indicator", 2) == port
    wider = misp_event.event(timestamp="1600009000", distribution="3")
    wider["Attribute"][0].update(timestamp="1600008000", comment="sinkholed")
    wider["Tag"][0]["name"] = "tlp:green"
    again = misp.take({"Event": wider})[0]
    assert again["added"] == 0, again
    handling = misp.show(f"indicator--{uuid(2)}")["handling"]
    assert handling.get("tlp", "none") == "none" and "misp:distribution=\"3\"" in handling["labels"], handling


def check_losses(told):
    kinds = {loss["kind"]: loss["count"] for loss in told["not_carried"]}
    assert kinds == {
        "contents of files": 1,
        "colours of tags": 1,
        "values for detection that are not of their type: kept as notes": 1,
        "organisations that hold a copy of an event (Org)": 1,
    }, kinds


def check_forms(misp):
    """Every way MISP events come in files, and a feed's folder."""
    events = []
    for n in range(3):
        one = misp_event.event(uuid=uuid(5000 + n), Object=[], EventReport=[], Galaxy=[])
        one["Attribute"] = [misp_event.attribute(6000 + n, "domain", f"form{n}.example")]
        events.append(one)
    wrapped = [{"Event": one} for one in events]
    forms = [json.dumps({"response": wrapped}), json.dumps(wrapped), json.dumps(events), "\n".join(map(json.dumps, wrapped)),
             json.dumps({"response": wrapped, "errors": []}, indent=1), "\ufeff" + json.dumps(wrapped)]
    for i, form in enumerate(forms):
        told = misp.take(form)[0]
        assert told["rejected"] == 0 and (told["added"] if i == 0 else told["known"]) >= 6, (i, told)
    told = misp.node.run("import", *[misp.folder / "misp.json"] * 7).stderr  # of many files told once, together
    assert told.count("Not carried over:") == 1 and "  21 organisations that hold a copy" in told, told
    feed = misp.folder / "feed"
    feed.mkdir()
    for one in events:
        (feed / f"{one['uuid']}.json").write_text(json.dumps({"Event": one}))
    manifest = feed / "manifest.json"
    manifest.write_text(json.dumps({one["uuid"]: {"info": one["info"]} for one in events}))
    told = [t for t in misp.node.results("import", feed) if "file" in t]
    assert len(told) == 3 and all(t["added"] == 0 and t["known"] for t in told), told
    manifest.write_text(json.dumps({"../../etc/passwd": {}}))
    refused = misp.node.run("import", feed, check=False)
    assert refused.returncode == 2 and "no UUID" in refused.stderr, refused


def check_publication(misp):
    """What was never published is a grouping; published, a report takes its place."""
    draft = misp_event.event(uuid=uuid(9000), Object=[], published=False, publish_timestamp="0",
                             Attribute=[misp_event.attribute(9001, "domain", "draft.example")])
    misp.take(draft)
    assert misp.object("grouping", 9000)["context"] == "suspicious-activity"
    draft.update(published=True, timestamp="1600000400", publish_timestamp="1600000500")
    misp.take(draft)
    assert misp.object("report", 9000)["published"] and misp.object("grouping", 9000)["revoked"] is True
    assert misp.take(draft)[0]["added"] == 0
    draft.update(published=False, timestamp="1600000600")  # edited, and to be published again: still a report
    misp.take(draft)
    assert misp.object("report", 9000)["modified"] == "2020-09-13T12:36:40.000Z"


def check_changes(misp):
    """What an attribute was made of before is revoked when it becomes something else."""
    e = misp_event.event(uuid=uuid(9100), Object=[], Attribute=[misp_event.attribute(9101, "domain", "turned.example")])
    misp.take(e)
    e.update(timestamp="1600000900")
    e["Attribute"][0].update(to_ids=False, timestamp="1600000800")
    misp.take(e)
    assert misp.object("indicator", 9101)["revoked"] is True and "revoked" not in misp.object("observed-data", 9101)
    assert misp.take(e)[0]["added"] == 0
    e.update(timestamp="1600001900")
    e["Attribute"][0].update(to_ids=True, timestamp="1600001800")
    misp.take(e)
    assert "revoked" not in misp.object("indicator", 9101) and misp.object("observed-data", 9101)["revoked"] is True


def check_hostile(misp):
    """What is no event is refused with its place, and nothing of its file is kept."""
    good = json.dumps({"Event": misp_event.event()})
    fresh = json.dumps({"Event": misp_event.event(uuid=uuid(7000), Attribute=[misp_event.attribute(7001, "domain", "x.example")], Object=[])})
    for bad, words in [
        (good[:-40], "cut short"),
        (good.replace('"Attribute": [', '"Attribute": [7, ', 1), "Event.Attribute[0] must be an object"),
        (good.replace('"Attribute": [', '"Attribute": [{"type": "domain" "value": "x"}, ', 1), "Event.Attribute[0]"),
        (good.replace('"Attribute": [', '"Attribute": {}, "Attribute": [', 1), "must be a list"),
        (good.replace('"Object": [', '"Attribute": [', 1), "stands in the event twice"),
        (good.replace('"Tag": [{"name": "tlp:amber"', '"T\\u0061g": [], "Tag": [{"name": "tlp:amber"', 1), "Tag"),
        (good.replace('"Attribute"', '"Attribut\\u0065"', 1), "escapes"),
        (good.replace(f'"uuid": "{EVENT}"', '"uuid": "7"', 1), "no uuid"),
        (good.replace('"Attribute": [', '"Attribute": [' + "[" * 100 + "]" * 100 + ",", 1), "Event.Attribute[0]"),
        (fresh + "\n{\"Event\": []}", "Event"),
        (json.dumps({"response": 7}), "list of events"),
    ]:
        done = misp.node.run("import", "--misp", "-", check=False, input=bad)
        assert done.returncode == 2 and words in done.stderr, (words, done)
    missing = misp.node.run("show", f"indicator--{uuid(7001)}", check=False)
    assert missing.returncode != 0, missing
    # Strange values are told, and nothing more.
    odd = misp_event.event(uuid=uuid(8000), Object=[{"name": ["x"]}, {"name": "file", "Attribute": {"a": 1}}], Galaxy=7, Tag=[7, {"name": 7}])
    odd["Attribute"] = [{}, {"type": "domain"}, {"type": "domain", "value": 7}, misp_event.attribute(8001, "no-such-type", "v" * 100000),
                        misp_event.attribute(8002, "ip-dst", "300.1.2.3"), misp_event.attribute(8003, "domain", "x'] OR [file:name = 'y"),
                        misp_event.attribute(8004, "domain", "odd.example", distribution="77", timestamp="-5")]
    told = misp.take(odd)[0]
    assert told["rejected"] == 0, told
    assert misp.object("indicator", 8003)["pattern"] == "[domain-name:value = 'x\\'] or [file:name = \\'y']"
    assert misp.show(f"indicator--{uuid(8004)}")["handling"]["tlp"] == "red"
    assert RED in misp.object("indicator", 8004)["object_marking_refs"]  # a tag that cannot be read may have been the strictest


def main():
    with Pair() as pair:
        misp = Import(pair.jp, pair.folder)
        told = misp.take({"Event": misp_event.event()})[0]
        assert told["rejected"] == 0, told
        check_losses(told)
        report = check_objects(misp)
        check_stix(pair.jp, pair.folder)
        check_galaxies(misp, report)
        check_versions(misp)
        check_forms(misp)
        check_publication(misp)
        check_changes(misp)
        check_hostile(misp)
        telemetry = pair.folder / "dns.json"
        telemetry.write_text('{"_path":"dns","ts":1600000170.0,"uid":"C1","query":"evil.example"}\n')
        assert pair.jp.run("match", "--time", "any", telemetry, check=False).returncode == 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
