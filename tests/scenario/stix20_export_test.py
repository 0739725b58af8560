"""STIX 2.0 out: what came in as 2.0 goes out as it came, what is 2.1 goes out as far as 2.0 can say it, the rest is told.
Every object is read by another implementation of 2.0, the PyPI package stix2, where Python has it."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
from commands import TROUBLE, Case, bundle, indicator, stix_id  # noqa: E402

TIMES = {"created": "2018-01-17T11:11:13.000Z", "modified": "2018-01-17T11:11:13.000Z"}
TLP1 = {"white": "613f2e26-407d-48c7-9eca-b8e91df99dc9", "green": "34098fce-860f-48ae-8e50-ebd3cc5e41da",
        "amber": "f88d31f6-486f-44da-b317-01333bde0b82", "red": "5e57c739-391a-4eb3-b6be-7d15ca92d5ed"}
TLP1 = {word: f"marking-definition--{uuid}" for word, uuid in TLP1.items()}
AMBER_STRICT = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"
AMBER = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
IP = "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"

OBSERVABLES = {
    "0": {"type": "domain-name", "value": "old.example", "resolves_to_refs": ["1"]},
    "1": {"type": "ipv4-addr", "value": "198.51.100.3"},
    "2": {"type": "file", "hashes": {"SHA-256": "ab" * 32, "ssdeep": "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C"},
          "name": "a.exe", "created": "2018-01-17T11:11:13Z", "parent_directory_ref": "3"},
    "3": {"type": "directory", "path": "C:\\x", "contains_refs": ["2"]},
    "4": {"type": "process", "pid": 4, "binary_ref": "2", "created": "2018-01-17T11:11:13Z"},
    "5": {"type": "network-traffic", "src_ref": "1", "protocols": ["tcp", "http"], "extensions": {"http-request-ext": {
        "request_method": "get", "request_value": "/", "request_header": {"User-Agent": "x"}}}},
    "6": {"type": "user-account", "user_id": "7", "password_last_changed": "2018-01-17T11:11:13Z"},
    "7": {"type": "windows-registry-key", "key": "HKEY_LOCAL_MACHINE\\x", "modified": "2018-01-17T11:11:13Z"},
}
OLD = [
    {"type": "identity", "id": stix_id("identity", 1), **TIMES, "name": "ACME", "identity_class": "organization", "labels": ["cert"]},
    {"type": "indicator", "id": stix_id("indicator", 2), "created_by_ref": stix_id("identity", 1), **TIMES, "labels": ["malicious-activity"],
     "pattern": "[process:created > t'2018-01-01T00:00:00Z' AND file:hashes.ssdeep = '3:a'] START t'2018-01-01T00:00:00Z' STOP t'2018-02-01T00:00:00Z'",
     "valid_from": "2018-01-17T11:11:13Z", "object_marking_refs": [TLP1["green"]]},
    {"type": "malware", "id": stix_id("malware", 3), **TIMES, "name": "Old", "labels": ["trojan"]},
    {"type": "relationship", "id": stix_id("relationship", 4), **TIMES, "relationship_type": "indicates",
     "source_ref": stix_id("indicator", 2), "target_ref": stix_id("malware", 3)},
    {"type": "observed-data", "id": stix_id("observed-data", 5), **TIMES, "first_observed": "2018-01-17T11:11:13Z",
     "last_observed": "2018-01-17T11:11:14Z", "number_observed": 1, "objects": OBSERVABLES, "object_marking_refs": [TLP1["green"]]},
    {"type": "sighting", "id": stix_id("sighting", 6), **TIMES, "sighting_of_ref": stix_id("indicator", 2),
     "observed_data_refs": [stix_id("observed-data", 5)], "where_sighted_refs": [stix_id("identity", 1)], "count": 2},
    {"type": "report", "id": stix_id("report", 7), **TIMES, "name": "R", "labels": ["malware"], "published": "2018-01-17T11:11:13Z",
     "object_refs": [stix_id("malware", 3), stix_id("relationship", 4)]},
]


class Stix20Export(Case):
    def setUp(self):
        super().setUp()
        self.jp = self.node()

    def export(self, node, *flags):
        """The objects by id, and what was not carried: {kind: (count, example)}."""
        done = node.run("--json", "export", "--format", "stix20", *flags)
        out = json.loads(done.stdout)
        said = json.loads(done.stderr.splitlines()[-1])
        self.assertEqual((out["type"], out["spec_version"]), ("bundle", "2.0"))
        self.read_by_another(out)
        own = {o["id"] for o in out["objects"] if o["type"] == "identity" and o["name"] not in ("ACME", "I")}  # the party's
        return {o["id"]: o for o in out["objects"] if o["id"] not in own}, {r["kind"]: (r["count"], r["example"]) for r in said["not_carried"]}, said

    def read_by_another(self, out):
        try:
            import stix2.v20
        except ModuleNotFoundError:
            print("stix2 is not here: nobody else has read them", file=sys.stderr)
            return
        stix2.parse(out, version="2.0", allow_custom=False)
        for o in out["objects"]:
            self.assertEqual(stix2.parse(o, version="2.0", allow_custom=False).id, o["id"])

    def test_what_came_goes_back(self):
        old = {"type": "bundle", "id": stix_id("bundle", 9), "spec_version": "2.0", "objects": OLD}
        said = self.jp.results("import", self.write("old.json", json.dumps(old)))[0]
        self.assertEqual((said["rejected"], said["not_carried"]), (0, []))
        objects, lost, _ = self.export(self.jp)
        self.assertEqual(lost, {})
        self.assertEqual(objects.pop(TLP1["green"])["definition"], {"tlp": "green"})
        self.assertEqual(objects, {o["id"]: o for o in OLD})
        # And once more, on another node: the same objects of 2.1 by the same bytes.
        other = self.node("US-DOD")
        other.run("import", self.write("new.json", json.dumps({"type": "bundle", "id": stix_id("bundle", 8), "spec_version": "2.0",
                                                               "objects": list(objects.values())})))
        for i in (*objects, IP):
            one, two = (n.results("show", i)[0]["object"] for n in (self.jp, other))
            self.assertEqual(one, two)

    def test_what_is_new_is_told(self):
        new = {"spec_version": "2.1", "created": "2025-01-01T00:00:00.000Z", "modified": "2025-01-01T00:00:00.000Z"}
        self.jp.run("import", self.write("b.json", bundle(
            indicator(1, "a.example", confidence=50, object_marking_refs=[AMBER_STRICT]),
            indicator(2, "b.example", granular_markings=[{"marking_ref": AMBER, "selectors": ["indicator_types"]}]),
            indicator(3, "c", pattern="alert tcp any any -> any any", pattern_type="snort"),
            indicator(4, "d", pattern="[EXISTS process:pid]"),
            {"type": "note", "id": stix_id("note", 5), **new, "content": "x", "object_refs": [stix_id("indicator", 1)]},
            {"type": "infrastructure", "id": stix_id("infrastructure", 6), **new, "name": "i"},
            {"type": "relationship", "id": stix_id("relationship", 7), **new, "relationship_type": "indicates",
             "source_ref": stix_id("indicator", 1), "target_ref": stix_id("infrastructure", 6)},
            {"type": "ipv4-addr", "spec_version": "2.1", "id": IP, "value": "198.51.100.3", "object_marking_refs": [AMBER]},
            {"type": "url", "spec_version": "2.1", "id": stix_id("url", 8), "value": "https://lonely.example/"},
            {"type": "malware", "id": stix_id("malware", 9), **new, "is_family": False, "malware_types": ["worm"]},
            {"type": "observed-data", "id": stix_id("observed-data", 10), **new, "first_observed": "2025-01-01T00:00:00Z",
             "last_observed": "2025-01-01T00:00:00Z", "number_observed": 1, "object_refs": [IP], "object_marking_refs": [GREEN]},
            {"type": "identity", "id": stix_id("identity", 11), **new, "name": "I", "roles": ["cert"]})))
        objects, lost, said = self.export(self.jp)
        self.assertEqual({i for i in objects if not i.startswith("marking-definition")}, {
            stix_id("indicator", 1), stix_id("indicator", 2), stix_id("malware", 9), stix_id("observed-data", 10), stix_id("identity", 11)})
        self.assertEqual(objects[stix_id("indicator", 1)]["object_marking_refs"], [TLP1["red"]])
        self.assertIn(TLP1["amber"], objects[stix_id("indicator", 2)]["object_marking_refs"])
        self.assertEqual(set(objects[stix_id("observed-data", 10)]["object_marking_refs"]), {TLP1["green"], TLP1["amber"]})
        self.assertEqual(objects[stix_id("observed-data", 10)]["objects"], {"0": {"type": "ipv4-addr", "value": "198.51.100.3"}})
        self.assertEqual(objects[stix_id("malware", 9)]["labels"], ["worm"])
        self.assertEqual((objects[stix_id("identity", 11)]["labels"], objects[stix_id("identity", 11)]["identity_class"]), (["cert"], "unknown"))
        self.assertTrue(all("spec_version" not in o for o in objects.values()))
        self.assertEqual({k: v[0] for k, v in lost.items()}, {
            "TLP:AMBER+STRICT (written as TLP:RED)": 1, "properties that 2.0 does not have": 2,
            "indicators in other languages than STIX's": 1, "patterns with EXISTS": 1, "objects of types that 2.0 does not have": 2,
            "relationships with types that 2.0 does not have": 1, "observables that no observed-data names": 1})
        self.assertEqual(lost["observables that no observed-data names"][1], stix_id("url", 8))

    def test_markings_keep_it_in(self):
        """Above --marking nothing goes out: no object, and no observable inside another; local handling counts."""
        observed = {"type": "observed-data", "id": stix_id("observed-data", 1), "spec_version": "2.1", **TIMES, "number_observed": 1,
                    "first_observed": "2018-01-17T11:11:13Z", "last_observed": "2018-01-17T11:11:14Z", "object_refs": [IP]}
        self.jp.run("import", self.write("a.json", bundle(
            observed, {"type": "ipv4-addr", "spec_version": "2.1", "id": IP, "value": "198.51.100.3", "object_marking_refs": [AMBER]},
            indicator(2, "amber.example", object_marking_refs=[AMBER]), indicator(3, "green.example"))))
        self.jp.run("import", "--tlp", "green", self.write("b.json", bundle(indicator(4, "local.example", object_marking_refs=[
            "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"]))))
        objects, lost, said = self.export(self.jp, "--marking", "green")
        self.assertEqual({i for i in objects if i.startswith(("indicator", "observed"))}, {stix_id("indicator", 3), stix_id("indicator", 4)})
        self.assertNotIn("198.51.100.3", json.dumps(objects))
        self.assertIn(TLP1["green"], objects[stix_id("indicator", 4)]["object_marking_refs"])
        self.assertEqual(said["left_out"], [{"reason": "TLP too strict", "count": 1}])
        self.assertIn("observables that are not held, or too strictly marked", lost)
        self.assertIn("for sensors", self.jp.run("export", "--format", "stix20", "--subdomains", code=TROUBLE).stderr)


if __name__ == "__main__":
    unittest.main()
