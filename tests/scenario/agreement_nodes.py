"""Nodes under agreements of their own making: two or three parties, whatever rules, signed by all and added by all."""

import json
import pathlib
import shutil
import tempfile

import taxii_nodes

TLP = {
    "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
TIMES = {"created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z"}


def stix_id(kind, number):
    return f"{kind}--00000000-0000-4000-8000-{number:012x}"


def made(kind, number, marking="green", **properties):
    o = {"type": kind, "spec_version": "2.1", "id": stix_id(kind, number), **TIMES, "object_marking_refs": [TLP[marking]]}
    if kind == "indicator":
        o |= {"name": f"host {number}", "pattern": f"[domain-name:value = 'h{number}.example']", "pattern_type": "stix",
              "valid_from": "2026-01-01T00:00:00Z"}
    if kind == "malware":
        o |= {"name": f"family {number}", "is_family": True}
    return o | properties


def direction(giver, taker, rules, more=""):
    """One item under `release`; rules are lines of YAML flow."""
    return (f"  - from: {giver}\n    to: {taker}\n    no_tlp: green\n    rules:\n"
            + "".join(f"      - {rule}\n" for rule in rules) + more)


SIGHTINGS = "    sightings: {return: true, name_member: false}\n"


class World:
    """with World("JP-MOD", "US-DOD") as w: nodes that trust each other, in a folder."""

    def __init__(self, *parties, environments=None):
        """`environments`: party → what its node's processes have besides."""
        self.names, self.environments = parties, environments or {}

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="renkei-agreement-"))
        self.nodes = {name: taxii_nodes.Node(self.folder, name, self.environments.get(name)) for name in self.names}
        for node in self.nodes.values():
            for other in self.nodes.values():
                if other is not node:
                    node.run("party", "add", "--yes", other.card)
        return self

    def __exit__(self, *failure):
        for node in self.nodes.values():
            node.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __getitem__(self, name):
        return self.nodes[name]

    def key(self, name):
        return json.loads(self.nodes[name].run("card").stdout)["card"]["agreement_key"]

    def write(self, name, parties, release, before=None, effective="2026-01-01", ends="2027-12-31"):
        text = f"renkei: agreement/v1\ntitle: {name}\n" + (f"predecessor: {before}\n" if before else "")
        text += f"effective: {effective}\nends: {ends}\nparties:\n"
        text += "".join(f'  - {{id: {p}, name: {p}, key: "{self.key(p)}"}}\n' for p in parties)
        file = self.folder / f"{name}.yaml"
        file.write_text(text + "release:\n" + release)
        return file

    def agree(self, name, parties, release, only=None, **more):
        """Signed by all; added by all, or by `only`. Returns its hash, and what each `add` said."""
        file = self.write(name, parties, release, **more)
        signatures = []
        for p in parties:
            signatures.append(self.folder / f"{name}.{p}.sig")
            self[p].run("agreement", "sign", "--to", signatures[-1], file)
        said = {p: self[p].results("agreement", "add", file, *signatures)[-1] for p in only or parties}
        return next(iter(said.values()))["hash"], said

    def give(self, name, *objects, **handling):
        file = self.folder / f"{name}-objects.json"
        file.write_text(json.dumps(taxii_nodes.bundle(list(objects))))
        flags = [word for key, value in handling.items() for word in (f"--{key}", value)]
        return self[name].results("import", *flags, file)[-1]

    def sync(self, taker, giver):
        if not self[giver].process:
            self[giver].serve()
        self[taker].run("sync", giver)

    def held(self, name, kind):
        """What counts at a node of one type, by id."""
        found = self[name].results("search", "--type", kind, "--limit", "1000", check=False)
        return {f["id"]: self[name].results("show", f["id"])[0] for f in found}

    def why(self, name, id, to):
        return self[name].results("why", id, "--to", to)[0]["agreements"]
