#!/usr/bin/env python3
"""A STIX 2.0 bundle is imported as STIX 2.1: valid to another reader, released, matched; what is neither is still refused."""

import json
import sys

from taxii_nodes import Pair

TIMES = {"created": "2018-01-17T11:11:13.000Z", "modified": "2018-01-17T11:11:13.000Z"}


def id(kind, n):
    return f"{kind}--00000000-0000-4000-8000-{n:012d}"


OBJECTS = [
    {"type": "identity", "id": id("identity", 1), **TIMES, "name": "ACME", "identity_class": "organization"},
    {"type": "indicator", "id": id("indicator", 2), "created_by_ref": id("identity", 1), **TIMES, "labels": ["malicious-activity"],
     "name": "bad", "pattern": "[domain-name:value = 'old.example']", "valid_from": "2018-01-17T11:11:13Z"},
    {"type": "malware", "id": id("malware", 3), **TIMES, "name": "Old\\n", "labels": ["remote-access-trojan"]},
    {"type": "relationship", "id": id("relationship", 4), **TIMES, "relationship_type": "indicates", "source_ref": id("indicator", 2),
     "target_ref": id("malware", 3)},
    {"type": "observed-data", "id": id("observed-data", 5), **TIMES, "first_observed": "2018-01-17T11:11:13Z",
     "last_observed": "2018-01-17T11:11:14Z", "number_observed": 1,
     "objects": {"0": {"type": "domain-name", "value": "old.example", "resolves_to_refs": ["1"]},
                 "1": {"type": "ipv4-addr", "value": "198.51.100.3"},
                 "2": {"type": "file", "hashes": {"SHA-256": "ab" * 32}, "name": "a.exe", "created": "2018-01-17T11:11:13Z",
                       "parent_directory_ref": "3"},
                 "3": {"type": "directory", "path": "C:\\\\x", "contains_refs": ["2"]},
                 "4": {"type": "process", "pid": 4, "binary_ref": "2", "arguments": ["-x"]}}},
    {"type": "marking-definition", "id": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
     "created": "2017-01-20T00:00:00.000Z", "definition_type": "tlp", "definition": {"tlp": "green"}},
]
# What they become besides themselves.
OBSERVABLES = 5


def check_observed(jp, new, others):
    """The observables stand alone, by the ids that another implementation gives them, and still name one another."""
    assert "objects" not in new and len(new["object_refs"]) == OBSERVABLES, new
    made = {i.split("--")[0]: jp.results("show", i)[0]["object"] for i in new["object_refs"]}
    assert made["domain-name"]["resolves_to_refs"] == [made["ipv4-addr"]["id"]], made
    assert made["ipv4-addr"]["id"] == "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4", made
    assert made["file"]["parent_directory_ref"] == made["directory"]["id"] and made["file"]["ctime"], made
    assert made["directory"]["contains_refs"] == [made["file"]["id"]], made
    assert made["process"]["image_ref"] == made["file"]["id"] and "arguments" not in made["process"], made
    others.update({o["id"]: o for o in made.values()})


def main():
    with Pair() as pair:
        jp, us = pair.jp, pair.us
        file = pair.folder / "old.json"
        file.write_text(json.dumps({"type": "bundle", "id": id("bundle", 9), "spec_version": "2.0", "objects": OBJECTS}))
        said = jp.results("import", "--tlp", "green", file)
        assert (said[0]["added"], said[0]["rejected"]) == (len(OBJECTS) + OBSERVABLES, 0), said
        assert said[0]["not_carried"] == [{"kind": "properties of observables that 2.1 does not have", "count": 1,
                                           "example": id("observed-data", 5) + ": process.arguments"}], said
        held = {o["id"]: jp.results("show", o["id"])[0]["object"] for o in OBJECTS}
        for o in OBJECTS:
            new = held[o["id"]]
            assert new["spec_version"] == "2.1" and all(new[k] == v for k, v in o.items() if k != "objects"), new
        others = {}
        check_observed(jp, held[OBJECTS[4]["id"]], others)
        assert held[OBJECTS[5]["id"]]["name"] == "TLP:GREEN"
        assert held[id("indicator", 2)]["pattern_type"] == "stix"
        assert held[id("indicator", 2)]["indicator_types"] == ["malicious-activity"]
        assert held[id("malware", 3)]["malware_types"] == ["remote-access-trojan"] and held[id("malware", 3)]["is_family"] is True
        again = jp.results("import", file)[0]
        assert (again["added"], again["known"]) == (0, len(OBJECTS) + OBSERVABLES), again
        try:
            import stix2
            for o in [*held.values(), *others.values()]:
                read = stix2.parse(o, version="2.1", allow_custom=False)
                if "created" not in o and o["type"] != "process":
                    given = {k: v for k, v in o.items() if k not in ("id", "spec_version", "type")}
                    assert type(read)(**given).id == o["id"], o
        except ModuleNotFoundError:
            print("stix2 is not here: nobody else has read them")
        jp.serve()
        assert us.results("sync", "JP-MOD")[-1]["rejected"] == 0
        assert us.results("show", id("indicator", 2))[0]["object"] == held[id("indicator", 2)]
        telemetry = pair.folder / "dns.json"
        telemetry.write_text('{"_path":"dns","ts":1516187474.0,"uid":"C1","query":"old.example"}\n')
        assert us.run("match", "--time", "any", telemetry, check=False).returncode == 0
        # What lacks more than 2.0 lacks is still refused, and told as what it is.
        broken = dict(OBJECTS[1], id=id("indicator", 6))
        del broken["pattern"]
        file.write_text(json.dumps(broken))
        refused = jp.run("import", "--stix", file, check=False)
        assert refused.returncode == 2 and "pattern" in refused.stderr, refused
    return 0


if __name__ == "__main__":
    sys.exit(main())
