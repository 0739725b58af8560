#!/usr/bin/env python3
"""MISP to STIX and back, and STIX to MISP and back: what returns is what left, and what does not is told. pymisp reads it."""

import copy
import json
import sys

import misp_event
from misp_event import uuid
from taxii_nodes import Pair

# What a MISP event has that does not come back: numbers of one instance's database, and what the import tells as lost.
NOT_CARRIED = {"id", "Org", "colour", "data"}
TIMES = {"created": "2024-05-01T00:00:00.000Z", "modified": "2024-05-02T00:00:00.000Z"}


def stix_id(kind, n):
    return f"{kind}--00000000-0000-4000-8000-{n:012d}"


def stix(kind, n, **more):
    return {"type": kind, "spec_version": "2.1", "id": stix_id(kind, n), **TIMES, **more}


def indicator(n, pattern, **more):
    return stix("indicator", n, created_by_ref=stix_id("identity", 1), pattern=pattern, pattern_type="stix",
                indicator_types=["malicious-activity"], valid_from="2024-05-01T00:00:00.000Z", **more)


PATTERNS = [
    "[domain-name:value = 'back.example']", "[ipv4-addr:value = '192.0.2.7']", "[ipv6-addr:value = '2001:db8::7']",
    "[ipv4-addr:value ISSUBSET '192.0.2.0/24']", "[url:value = 'http://back.example/x']",
    "[url:value = 'http://back.example' OR url:value = 'http://back.example/']", "[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']",
    "[file:hashes.'SHA-256' = '" + "0a" * 32 + "']", "[file:name = 'it\\'s \\\\ here.exe']", "[email-addr:value = 'a@back.example']",
    "[network-traffic:dst_ref.value = '192.0.2.7' AND network-traffic:dst_port = 443]", "[mutex:name = 'm']",
    "[domain-name:value = 'a.example'] OR [ipv4-addr:value = '192.0.2.9']", "[autonomous-system:number = 64500]",
    # no type of MISP's: carried as patterns
    "[file:size > 7 AND file:name LIKE '%.exe']", "[domain-name:value = 'Upper.example']", "[ipv4-addr:value='192.0.2.8']",
    "([url:value = 'http://a.example/'] FOLLOWEDBY [file:name = 'x']) WITHIN 5 SECONDS",
]
OBJECTS = [
    stix("identity", 1, name="ACME", identity_class="organization"),
    *[indicator(100 + n, pattern, name=f"n{n}", labels=["l1"]) for n, pattern in enumerate(PATTERNS)],
    indicator(150, "[domain-name:value = 'full.example']", name="full.example", description="d", confidence=70,
              valid_until="2030-01-01T00:00:00.000Z", kill_chain_phases=[{"kill_chain_name": "k", "phase_name": "p"}],
              object_marking_refs=["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]),
    stix("malware", 2, name="Bad", is_family=True, aliases=["Worse"]),
    stix("relationship", 3, relationship_type="indicates", source_ref=stix_id("indicator", 150), target_ref=stix_id("malware", 2)),
    stix("relationship", 4, relationship_type="uses", source_ref=stix_id("malware", 2), target_ref=stix_id("malware", 2)),
    stix("vulnerability", 5, name="CVE-2024-0001"),
    stix("location", 6, region="eastern-asia"),
    stix("sighting", 7, sighting_of_ref=stix_id("indicator", 100), count=3, last_seen="2024-05-01T10:00:00.000Z",
         first_seen="2024-05-01T10:00:00.000Z"),
    {"type": "file", "spec_version": "2.1", "id": stix_id("file", 8), "name": "seen.exe", "size": 5, "hashes": {"MD5": "0cc175b9c0f1b6a831c399e269772661"}},
    {"type": "ipv4-addr", "spec_version": "2.1", "id": stix_id("ipv4-addr", 9), "value": "192.0.2.10"},
    stix("observed-data", 10, first_observed="2024-05-01T00:00:00Z", last_observed="2024-05-01T00:00:00Z", number_observed=1,
         object_refs=[stix_id("file", 8), stix_id("ipv4-addr", 9)]),
    stix("note", 12, content="remember", abstract="About it", object_refs=[stix_id("report", 11)]),
    stix("report", 11, created_by_ref=stix_id("identity", 1), name="A report", description="What it says.", published="2024-05-02T00:00:00.000Z", labels=["l2"],
         object_marking_refs=["marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"],
         object_refs=[stix_id("indicator", 150), stix_id("indicator", 100), stix_id("vulnerability", 5), stix_id("observed-data", 10)]),
]


def export(node, file, *flags):
    done = node.run("--json", "export", "--format", "misp", "--to", file, *flags)
    return {e["Event"]["uuid"]: e["Event"] for e in json.loads(file.read_text())["response"]}, json.loads(done.stderr.splitlines()[-1])


def bare(value):
    """Without what is not carried, nothing said, and the spellings of numbers and their defaults."""
    if isinstance(value, dict):
        kept = {k: bare(v) for k, v in value.items() if k not in NOT_CARRIED}
        return {k: v for k, v in kept.items() if v not in (None, "", [], {}, "5", "False")}
    if isinstance(value, list):
        return sorted((bare(v) for v in value), key=lambda v: json.dumps([isinstance(v, dict) and v.get("uuid"), v], sort_keys=True))
    return str(value)


def there_and_back(jp, us, folder):
    """MISP → STIX → MISP."""
    file = folder / "misp.json"
    sent = misp_event.event()
    file.write_text(json.dumps({"Event": sent}))
    jp.results("import", file)
    returned, told = export(jp, folder / "out.json", "--marking", "red")
    sent["Tag"] = [t for t in sent["Tag"] if not t.get("local")]  # they do not leave
    want, got = bare(sent), bare(returned[sent["uuid"]])
    for entry in want["Galaxy"] + [g for a in want["Attribute"] for g in a.get("Galaxy", [])]:
        entry.setdefault("name", entry["type"])
        entry["GalaxyCluster"][0]["default"] = "True"
    for a in want["Attribute"]:  # whose it was, where nothing was said: the event's creator
        for s in a.get("Sighting", []):
            if s["type"] != "2":
                s.setdefault("Organisation", bare(sent["Orgc"]))
    expired = [s for a in want["Attribute"] + got["Attribute"] for s in a.get("Sighting", []) if s["type"] == "2"]
    for s in expired:  # an expiration is the indicator's valid_until: its own uuid is not kept
        s.pop("uuid", None)
    for side in (want, got):
        for a in side["Attribute"]:
            a.get("Sighting", []).sort(key=lambda s: s["type"])
    for key in sorted(set(want) | set(got)):
        assert want.get(key) == got.get(key), f"{key}:\n{json.dumps(want.get(key), indent=1)}\n{json.dumps(got.get(key), indent=1)}"
    assert told["left_out"] == [] and {l["kind"] for l in told["not_carried"]} == set(), told
    # A second node takes it and holds the same objects.
    us.results("import", folder / "out.json")
    for kind, n in [("indicator", 1), ("indicator", 8), ("note", 5), ("vulnerability", 6), ("grouping", 100), ("relationship", 110), ("file", 100)]:
        ours, theirs = (node.results("show", f"{kind}--{uuid(n)}")[0]["object"] for node in (jp, us))
        assert ours == theirs, (ours, theirs)
    red = export(jp, folder / "less.json")[1]
    assert [l["reason"] for l in red["left_out"]] == ["TLP too strict"], red


def by_way_of_a_partner(jp, us, folder):
    """MISP → STIX → a partner → MISP: the event arrives as it is, less what the partner may not have."""
    sent = misp_event.event(uuid=uuid(700), distribution="3", Object=[])
    sent["Tag"] = [{"name": "tlp:green"}, {"name": "PAP:GREEN"}]
    sent["Galaxy"], sent["Attribute"] = [], [
        misp_event.attribute(701, "domain", "shared.example", comment="C2"), misp_event.attribute(702, "ip-src", "192.0.2.99", to_ids=False),
        misp_event.attribute(703, "text", "a remark", "Other", to_ids=False),
        misp_event.attribute(704, "domain", "kept.example", Tag=[{"name": "tlp:red"}]),
        misp_event.attribute(705, "domain", "own.example", distribution="0")]
    sent["EventReport"] = []
    (folder / "shared.json").write_text(json.dumps(sent))
    jp.results("import", folder / "shared.json")
    jp.serve()
    us.results("sync", "JP-MOD")
    got = export(us, folder / "received.json")[0][sent["uuid"]]
    sent["Attribute"] = sent["Attribute"][:3]
    sent["distribution"] = "0"  # which is what it is at the partner's: nobody there said more
    assert bare(got) == bare(sent), f"{json.dumps(bare(sent), indent=1)}\n{json.dumps(bare(got), indent=1)}"


def stix_and_back(node, other, folder):
    """STIX → MISP → STIX."""
    file = folder / "stix.json"
    file.write_text(json.dumps({"type": "bundle", "id": stix_id("bundle", 99), "objects": OBJECTS}))
    assert node.results("import", file)[0]["rejected"] == 0
    events, told = export(node, folder / "stix-out.json", "--marking", "red")
    report = events[stix_id("x", 11)[3:]]
    assert (report["info"], report["Orgc"]["name"], report["date"]) == ("A report", "ACME", "2024-05-01"), report
    assert {t["name"] for t in report["Tag"]} == {"l2", "tlp:amber"}, report["Tag"]
    [full] = [a for a in report["Attribute"] if a["value"] == "full.example"]
    assert {t["name"] for t in full["Tag"]} == {"tlp:red", "misp-galaxy:stix-2.1-malware=\"Bad\"", "admiralty-scale:information-credibility=\"2\""}
    assert full["type"] == "domain" and full["to_ids"] is True and full["distribution"] == "5" and report["distribution"] == "0"
    [file_object] = report["Object"]
    assert {(a["type"], a["value"]) for a in file_object["Attribute"]} == {
        ("filename", "seen.exe"), ("size-in-bytes", "5"), ("md5", "0cc175b9c0f1b6a831c399e269772661")}, file_object
    assert [r["content"] for r in report["EventReport"]] == ["remember", "What it says."]
    lost = {l["kind"]: l["count"] for l in told["not_carried"]}
    assert lost == {"property kill_chain_phases": 1, "counts of sightings": 1, "relationships between what MISP does not relate": 1,
                    "objects of types that MISP has no place for": 1,
                    "objects marked less strictly than the event they stand in": 2,
                    "creation times: MISP has that of the last change, and the event's date": len(PATTERNS) + 1,
                    "names of indicators, which are written as comments": len(PATTERNS)}, lost
    assert other.results("import", folder / "stix-out.json")[0]["rejected"] == 0
    for o in OBJECTS:
        if o["type"] != "indicator":
            continue
        back = other.results("show", o["id"])[0]["object"]
        for key in ("pattern", "pattern_type", "valid_from", "valid_until", "modified", "labels", "confidence", "created_by_ref"):
            if key == "confidence" and key in o or key == "labels":
                assert set(o.get(key, [])) <= set(back[key]) if key == "labels" and key in o else True, (key, back)
            else:
                assert back.get(key) == o.get(key), (key, o, back)
    assert other.results("show", stix_id("report", 11))[0]["object"]["description"] == "What it says."
    assert other.results("show", stix_id("malware", 2))[0]["object"]["aliases"] == ["Worse"]
    assert other.results("show", stix_id("sighting", 7))[0]["object"]["sighting_of_ref"] == stix_id("indicator", 100)
    return events


def check_hostile(node, folder):
    """Extensions that somebody else wrote: whatever they hold, the objects count and the events are events."""
    key = "extension-definition--8042db51-2e90-42cf-a517-827230854e65"
    odd = [7, "x", [], [[]], {}, {"type": 7}, {"type": "domain", "value": "other.example"}, {"type": "domain", "value": ["x"], "to_ids": {"a": 1}},
           {"type": "no-such", "value": ""}, {"name": "file", "attributes": [7, {"value": 7}, {"type": "md5", "value": [1]}]}, {"name": 7}]
    made = []
    for n, value in enumerate(odd):
        for k, member in enumerate(("attribute", "object", "event", "event_report", "reference", "cluster", "part_of", "object_uuid")):
            extension = {"extensions": {key: {"extension_type": "property-extension", member: value}}}
            base = 10000 + 1000 * k + 10 * n
            made += [indicator(base, "[domain-name:value = 'real.example']", **extension),
                     stix("note", base + 1, content="c", object_refs=[stix_id("report", 9999)], **extension),
                     stix("grouping", base + 2, name="g", context="unspecified", object_refs=[stix_id("grouping", base + 2), stix_id("report", 9999),
                                                                                        stix_id("indicator", base)], **extension),
                     stix("malware", base + 3, name="m", is_family=True, **extension),
                     stix("observed-data", base + 4, first_observed="2024-05-01T00:00:00Z", last_observed="2024-05-01T00:00:00Z",
                          number_observed=1, object_refs=[stix_id("ipv4-addr", 9)], **extension)]
    refs = [o["id"] for o in made]
    made.append(stix("report", 9999, name="r", published="2024-05-02T00:00:00.000Z", object_refs=refs + [stix_id("report", 9999)]))
    (folder / "odd.json").write_text(json.dumps({"type": "bundle", "id": stix_id("bundle", 98), "objects": made}))
    told = node.results("import", "--keep-going", folder / "odd.json")[0]
    assert told["added"] > 200, told
    events, _ = export(node, folder / "odd-out.json", "--marking", "red")
    values = [a["value"] for e in events.values() for a in e["Attribute"] if a["type"] == "domain"]
    assert values.count("real.example") >= 80 and not {"other.example", "c"} & set(values), (len(values), set(values))


def read_elsewhere(paths):
    """pymisp, MISP's own library, reads every event and finds as many attributes and objects."""
    try:
        import pymisp
    except ModuleNotFoundError:
        return print("pymisp is not here: nobody else has read them")
    for path in paths:
        for wrapped in json.loads(path.read_text())["response"]:
            raw, event = copy.deepcopy(wrapped["Event"]), pymisp.MISPEvent()
            event.from_dict(**wrapped["Event"])
            assert (len(event.attributes), len(event.objects), len(event.tags)) == (
                len(raw["Attribute"]), len(raw["Object"]), len(raw["Tag"])), raw["info"]
            assert sum(len(o.attributes) for o in event.objects) == sum(len(o["Attribute"]) for o in raw["Object"])
            json.loads(event.to_json())


def main():
    with Pair() as pair, Pair() as more, Pair() as partners:
        by_way_of_a_partner(partners.jp, partners.us, partners.folder)
        there_and_back(pair.jp, pair.us, pair.folder)
        stix_and_back(more.jp, more.us, more.folder)
        check_hostile(partners.us, partners.folder)
        read_elsewhere([pair.folder / "out.json", more.folder / "stix-out.json"])
        refused = pair.jp.run("export", "--format", "misp", "--type", "domain", check=False)
        assert refused.returncode == 2 and "for sensors" in refused.stderr, refused
    return 0


if __name__ == "__main__":
    sys.exit(main())
