#!/usr/bin/env python3
"""Random histories of imports, new versions, marking changes, amendments, approvals, refusals, withdrawals and erasures. Every text of every
object is a word that stands nowhere else, and so are the names of national clauses, officers' reasons and local labels. Whatever
happened, the partner finds no word it was not to have: in nothing it can ask for, and nowhere in its own folder.

What it may have is told here by rules of four lines, not by the program.

    canary_histories_test.py [--histories N] [--seed N] [--steps N]
"""

import argparse
import json
import os
import random
import sys

import canary_test
from agreement_nodes import TIMES, World, direction, stix_id
from officers_test import PASSWORDS, Officers

JP, US = "JP-MOD", "US-DOD"
TLP = canary_test.TLP
TERMS = {
    "all": "{clause: %s, outcome: release, types: [all], tlp: [green]}",
    "malware": "{clause: %s, outcome: release, types: [malware], tlp: [green]}",
    "redacted": "{clause: %s, outcome: release, types: [malware, indicator, report], tlp: [green], redact: {descriptions: true}}",
    "none": "{clause: %s, outcome: withhold, types: [all]}",
}


class History:
    def __init__(self, seed, world):
        self.r = random.Random(seed)
        self.w, self.jp, self.us = world, world[JP], world[US]
        self.count = 0
        self.words = {}  # word -> (object's number, property); or None: never for the partner
        self.objects = {}  # number -> what it is now
        self.allowed = set()  # words that were permitted to go at some time
        self.clauses = 0
        self.officers = Officers(self.jp, world.folder)
        self.predecessor = None

    def word(self, owner=None):
        w = "canary" + format(self.r.getrandbits(64), "016x")
        self.words[w] = owner
        return w

    # ---- what is there

    def make(self, number):
        """A new object, or a newer version of one, in new words."""
        old = self.objects.get(number)
        kind = old["type"] if old else self.r.choice(["indicator", "malware", "malware", "report"])
        version = old["version"] + 1 if old else 0
        x = {"type": kind, "version": version, "red": self.r.random() < 0.25, "national": self.r.random() < 0.15, "refer": self.r.random() < 0.25,
             "approved": False, "before": old, "refs": [], "gone": bool(old and old["gone"]), "words": {}}
        for name in ("name", "description", "label", "x", "source", "pattern"):
            x["words"][name] = self.word((number, name))
        o = {"type": kind, "spec_version": "2.1", "id": stix_id(kind, number), "created": TIMES["created"],
             "modified": f"2026-01-{version + 1:02}T00:00:00.000Z", "name": x["words"]["name"], "description": x["words"]["description"],
             "labels": [x["words"]["label"]] + (["national-only"] if x["national"] else []) + (["refer-me"] if x["refer"] else []),
             "x_note": x["words"]["x"], "external_references": [{"source_name": x["words"]["source"], "external_id": "1"}],
             "object_marking_refs": [TLP["red" if x["red"] else "green"]]}
        if kind == "indicator":
            o |= {"pattern": f"[domain-name:value = '{x['words']['pattern']}.example']", "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z"}
        elif kind == "malware":
            o |= {"is_family": True, "aliases": [x["words"]["pattern"]]}
        else:
            x["refs"] = self.r.sample(sorted(self.objects), min(len(self.objects), self.r.randint(1, 2))) or [number]
            o |= {"published": "2026-01-01T00:00:00Z", "object_refs": [stix_id(self.objects[n]["type"] if n in self.objects else kind, n) for n in x["refs"]]}
            o["x_alias"] = x["words"]["pattern"]
        x["object"] = o
        return x

    def may_go(self, number, x=None, seen=()):
        """Whether a version (the newest) may be with the partner now, in whatever form. An older one goes only if the newest is not held back."""
        newest = self.objects.get(number)
        x = x or newest
        if x is None or newest["gone"] or any(v["red"] or v["national"] for v in (x, newest)) or (x["refer"] and not x["approved"]):
            return False
        types = {"all": ("indicator", "malware", "report"), "malware": ("malware",), "redacted": ("malware", "indicator", "report"), "none": ()}[self.terms]
        return x["type"] in types and all(n == number or n in seen or any(self.may_go(n, v, (*seen, number)) for v in self.versions(n)) for n in x["refs"])

    def versions(self, number):
        x = self.objects.get(number)
        while x:
            yield x
            x = x["before"]

    def settle(self):
        """Everything was decided again: what may go has gone."""
        for number, x in ((n, v) for n in self.objects for v in self.versions(n)):
            if self.may_go(number, x):
                self.allowed |= {w for name, w in x["words"].items() if not (self.terms == "redacted" and name == "description")}

    # ---- what happens

    def say(self, who, *arguments, code=0):
        done = self.officers.say(who, *arguments, code=code)
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def import_some(self):
        fresh = []
        for _ in range(self.r.randint(1, 4)):
            if self.objects and self.r.random() < 0.4:
                number = self.r.choice(sorted(self.objects))
                if self.objects[number]["gone"] or self.objects[number]["version"] > 20:
                    continue
            else:
                self.count += 1
                number = self.count
            self.objects[number] = self.make(number)
            fresh.append(self.objects[number]["object"])
        if fresh:
            file = self.w.folder / "import.json"
            file.write_text(json.dumps({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-00000000000f", "objects": fresh}))
            self.say("abe", "import", file, "--label", self.word())

    def amend(self):
        self.terms = self.r.choice(list(TERMS))
        self.clauses += 1
        file = self.w.write(f"terms{self.clauses}", (JP, US), direction(JP, US, [TERMS[self.terms] % f"JP-{self.clauses}"]), before=self.predecessor)
        signatures = [self.w.folder / f"terms{self.clauses}.{p}.sig" for p in (JP, US)]
        self.say(self.officer("suzuki"), "agreement", "sign", "--to", signatures[0], file)
        self.us.run("agreement", "sign", "--to", signatures[1], file)
        self.predecessor = self.say(self.officer("suzuki"), "agreement", "add", file, *signatures)[-1]["hash"]
        self.us.run("agreement", "add", file, *signatures)
        self.say(self.officer("tanaka"), "withdraw", "--no-longer", code=0)

    def officer(self, name):
        return name if self.staffed else None

    def waiting(self):
        return [n for n, x in self.objects.items() if x["refer"] and not x["approved"] and not x["gone"]]

    def approve(self):
        queue = {q["id"] for q in self.say("tanaka", "release", "queue")}
        able = [n for n in self.waiting() if self.objects[n]["object"]["id"] in queue]
        if able:
            n = self.r.choice(able)
            if self.r.random() < 0.3:
                self.say("tanaka", "release", "refuse", self.objects[n]["object"]["id"], "--reason", self.word())
                self.objects[n]["gone"] = True  # refused: this version never goes; a newer one is not made either
            else:
                self.say("tanaka", "release", "approve", self.objects[n]["object"]["id"], "--reason", self.word())
                self.objects[n]["approved"] = True

    def take_back(self, erase):
        out = [n for n in self.objects if self.may_go(n)]
        if not out:
            return
        n = self.r.choice(out)
        id = self.objects[n]["object"]["id"]
        if erase:
            self.say("tanaka", "erase", id, "--reason", self.word())
            words = {w for w, owner in self.words.items() if owner and owner[0] == n}
            for path in self.jp.home.rglob("*"):
                if path.is_file():
                    canary_test.search(path, path.read_bytes(), [w.encode() for w in words])
        else:
            # What may be out is told here generously: what something else kept back is no leak.
            standing = {e["id"] for e in self.jp.results("disclosed", "--to", US, "--list") if e.get("standing") and "seq" in e}
            if id not in standing:
                return
            self.say("tanaka", "withdraw", id, "--from", US)
        self.objects[n]["gone"] = True

    def step(self):
        what = self.r.random()
        if what < 0.45:
            self.import_some()
        elif what < 0.6:
            self.amend()
        elif what < 0.75:
            self.approve()
        elif what < 0.85:
            self.take_back(erase=False)
        elif what < 0.92:
            self.take_back(erase=True)
        else:
            self.say("tanaka", "release")
        self.settle()
        if self.r.random() < 0.3:
            self.us.run("sync", JP)

    # ---- what the partner finds

    def look(self):
        partner = canary_test.Partner(self.jp, self.us.client_certificate)
        hidden = [x["object"] for n, x in self.objects.items() if not set(x["words"].values()) & self.allowed]
        known = {w.encode() for w, owner in self.words.items() if w not in self.allowed}
        ids = set()
        for o in hidden:
            number = int(o["id"][-12:], 16)
            if not any(w in self.allowed for w, owner in self.words.items() if owner and owner[0] == number):
                ids.add(o["id"].encode())
        canary_test.ask_everything(partner, [o for o in hidden if o["id"].encode() in ids][:4] or [self.stranger()])
        for path, data in partner.heard:
            canary_test.search(path, data, known | ids)
        # What was taken back, or may not go any more, is not served.
        not_now = {w.encode() for x in self.objects.values() for w in x["words"].values() if x["gone"]}
        for path, data in partner.heard:
            if "/objects/" in path:
                canary_test.search(path, data, not_now)
        self.us.run("sync", JP)
        for path in self.us.home.rglob("*"):
            if path.is_file():
                canary_test.search(path, path.read_bytes(), known | ids)
        return len(partner.heard)

    def stranger(self):
        return {"type": "malware", "id": stix_id("malware", 0xffffff)}

    def play(self, steps):
        self.staffed, self.terms = False, "none"
        self.amend()
        for name, roles in (("sato", ["administrator"]), ("abe", ["analyst"]), ("tanaka", ["releasing"]), ("suzuki", ["policy"])):
            said = self.officers.add("sato" if self.staffed else None, name, *roles)
            self.staffed = True
        text = (f'renkei: national-policy/v1\nparty: {JP}\nversion: 1\neffective: 2026-01-01\nofficer: "{said["key"]}"\nrules:\n'
                f"  - {{clause: {self.word()}, outcome: withhold, labels: {{any: [national-only]}}}}\n"
                f"  - {{clause: {self.word()}, outcome: refer, labels: {{any: [refer-me]}}}}\n")
        policy = self.w.folder / "policy.yaml"
        policy.write_text(text)
        self.say("suzuki", "policy", "install", policy)
        self.jp.serve()
        heard = 0
        for step in range(steps):
            self.step()
            if step % 10 == 9:
                heard += self.look()
        self.jp.run("ledger", "audit")
        self.us.run("ledger", "audit")
        return heard


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--histories", type=int, default=2)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--steps", type=int, default=30)
    options = options.parse_args()
    total = 0
    for seed in range(options.seed, options.seed + options.histories):
        with World(JP, US) as w:
            history = History(seed, w)
            try:
                heard = history.play(options.steps)
            except BaseException as failure:
                print(f"history {seed}")
                for found in {v for v in history.words if v in str(failure)}:
                    owner = history.words[found]
                    print(found, owner, "terms", history.terms, json.dumps(history.objects.get(owner[0])) if owner else "")
                raise
            for who, password in PASSWORDS.items():
                for path in w[US].home.rglob("*"):
                    assert not path.is_file() or password.encode() not in path.read_bytes(), (who, path)
            went = len(history.allowed)
            print(f"history {seed}: {len(history.objects)} objects, {went} words went and {len(history.words) - went} did not; {heard} answers")
            total += went
            assert len(history.words) > went
    assert total > 0, "terms may keep everything back for once, not every time"
    return 0


if __name__ == "__main__":
    sys.exit(main())
