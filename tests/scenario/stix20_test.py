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
     "objects": {"0": {"type": "domain-name", "value": "old.example"}}},
]


def main():
    with Pair() as pair:
        jp, us = pair.jp, pair.us
        file = pair.folder / "old.json"
        file.write_text(json.dumps({"type": "bundle", "id": id("bundle", 9), "spec_version": "2.0", "objects": OBJECTS}))
        said = jp.results("import", "--tlp", "green", file)
        assert (said[0]["added"], said[0]["rejected"]) == (5, 0), said
        held = {o["id"]: jp.results("show", o["id"])[0]["object"] for o in OBJECTS}
        for o in OBJECTS:
            new = held[o["id"]]
            assert new["spec_version"] == "2.1" and all(new[k] == v for k, v in o.items()), new
        assert held[id("indicator", 2)]["pattern_type"] == "stix"
        assert held[id("indicator", 2)]["indicator_types"] == ["malicious-activity"]
        assert held[id("malware", 3)]["malware_types"] == ["remote-access-trojan"] and held[id("malware", 3)]["is_family"] is True
        again = jp.results("import", file)[0]
        assert (again["added"], again["known"]) == (0, 5), again
        try:
            import stix2
            for o in held.values():
                stix2.parse(o, version="2.1", allow_custom=False)
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
