"""Random worlds for the oracle of decisions: agreements, a national policy, holdings, and what is asked of them."""

import random

import oracle

PARTIES = ["JP-MOD", "US-DOD", "KR-MND"]
COUNTRIES = {"US-DOD": "USA", "KR-MND": "KOR", "JP-MOD": "JPN"}
KEYS = {"JP-MOD": "NTyKf+7KOLLEU24L0lhv2xjQcOUOBZ8dQ/i/77l6fOE=", "US-DOD": "xoImN8fTEOxXYnvgC6JZ0lN0n0qvZERwz/vlOjX3MkI=",
        "KR-MND": "fqDjvVLiB8nTsOumXAcE5m/KLY4WWhdSGLF0/EFg5BM="}
OFFICER = "ed25519:" + KEYS["JP-MOD"]
IDENTITY = {p: f"identity--00000000-0000-4000-8000-00000000{n:04x}" for n, p in enumerate(PARTIES, 1)}
VENDOR = "identity--00000000-0000-4000-8000-00000000ffff"
LABELS = ["apt", "APT", "draft", "jp-only", "request", "Sector:energy", "sector:Finance", "PAP:AMBER", "pap:white", "PAP:purple", "PAP_green", "pap-beige", "PAP=\"RED\"", "paper", "sector:", "é"]
SECTORS = ["energy", "Finance", "health"]
KINDS = ["malicious-activity", "anonymization", "c2-new"]
OBSERVES = ["domain-name", "ipv4-addr", "x-own", "file"]
ATTACKS = ["T1059.001", "T1059", "t1190", "S0154"]
LANGS = ["en", "ja", "EN-us"]
TYPES = ["indicator", "malware", "report", "sighting", "opinion", "note", "relationship", "tool", "marking-definition", "ipv4-addr", "identity"]
SPANS = ["1d", "12h", "2w", "90d", "1y", "45m"]
DATES = ["2026-01-01", "2026-03-01", "2026-05-01T00:00:00Z", "2026-07-01", "2026-07-01T09:00:00+09:00"]
TIMES = ["2026-01-15T00:00:00.000Z", "2026-04-30T12:00:00.000Z", "2026-05-01T00:00:00.000Z", "2026-06-30T15:00:00.000Z", "2026-07-02T00:00:00.000Z",
         "2027-01-01T00:00:00.000Z"]
OTHER_MARKING = "marking-definition--00000000-0000-4000-9000-00000000000a"


class World:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.count = 0
        self.clauses = 0

    def some(self, items, most=3):
        return self.r.sample(items, self.r.randint(1, min(most, len(items))))

    def maybe(self, chance):
        return self.r.random() < chance

    def id(self, kind):
        self.count += 1
        return f"{kind}--00000000-0000-4000-a000-{self.count:012x}"

    # ---- markings

    def markings(self):
        """Definitions that objects may name: held ones, and two that nobody holds."""
        made = []
        for _ in range(self.r.randint(4, 9)):
            m = {"type": "marking-definition", "spec_version": "2.1", "id": self.id("marking-definition"), "created": "2026-01-01T00:00:00.000Z"}
            kind = self.r.choice(["acs", "acs", "iep", "iep", "pap", "statement", "other", "altered"])
            getattr(self, "mark_" + kind)(m)
            made.append(m)
        return made

    def mark_statement(self, m):
        m |= {"definition_type": "statement", "definition": {"statement": self.r.choice(["Copyright", "for friends", "TLP is nice", "PAP"])}}

    def mark_other(self, m):
        m |= {"definition_type": "x-colour", "definition": {"x-colour": "blue"}, "name": self.r.choice(["blue", "Blue things"])}

    def mark_pap(self, m):
        colour = self.r.choice(["clear", "GREEN", "amber", "Red", "white", "mauve"])
        if self.maybe(0.5):
            m |= {"definition_type": "pap", "definition": {"pap": colour}}
        else:
            m |= {"definition_type": "statement", "definition": {"statement": self.r.choice(["PAP:", "pap ", "PAP - ", "Pap_", "PAP=", "PAPER "]) + colour}}

    def mark_altered(self, m):
        how = self.r.randint(0, 3)
        if how == 0:
            m |= {"definition_type": "tlp", "definition": {"tlp": self.r.choice(["green", "red"])}}
        elif how == 1:
            m |= {"name": "TLP:GREEN", "extensions": {oracle.TLP2: {"extension_type": "property-extension", "tlp_2_0": "green"}}}
        elif how == 2:
            m |= {"definition_type": "statement", "definition": {"statement": "TLP:CLEAR"}}
        else:
            m |= {"name": "TLP:AMBER", "definition_type": "statement", "definition": {"statement": "who knows"}}

    def mark_acs(self, m):
        control = {"classification": self.r.choice(["U", "U", "U", "U", "C", "u", "TS"])}
        if self.maybe(0.1):
            del control["classification"]
        if self.maybe(0.6):
            control["formal_determination"] = self.r.choice([["PUBREL"], ["pubrel", "FOUO"], "PUBREL", ["NF"], ["INFORMATION-DIRECTLY-RELATED"]])
        if self.maybe(0.1):
            control["caveat"] = self.r.choice(["FISA", ["NOFORN"], []])
        if self.maybe(0.2):
            control["permitted_nationalities"] = self.r.choice([["USA"], ["usa", "KOR"], "ALL", []])
        if self.maybe(0.2):
            control["permitted_organizations"] = self.r.choice([["US-DOD"], ["kr-mnd", "X"], ["ALL"]])
        x = {"extension_type": "property-extension", "identifier": "isa:guide.19001.ACS3-1", "control_set": control}
        if self.maybe(0.5):
            x["access_privilege"] = [{"privilege_action": self.r.choice(["IDSRC", "idsrc", "ALL", "DSPLY", "CISAUSES", "REQUEST"]),
                                      "rule_effect": self.r.choice(["permit", "permit", "deny"] + (["perhaps"] if self.maybe(0.1) else []))}
                                     for _ in range(self.r.randint(1, 3))]
        if self.maybe(0.6):
            x["further_sharing"] = [{"rule_effect": self.r.choice(["permit", "permit", "deny"]),
                                     "sharing_scope": self.r.choice([["FOREIGNGOV"], ["SECTOR"], ["ALL"], "US-DOD", ["kr-mnd"], ["foreigngov", "SECTOR"]])}
                                    for _ in range(self.r.randint(1, 2))]
        m["extensions"] = {oracle.ACS: x}
        if self.maybe(0.05):
            m["extensions"][oracle.TLP2.replace("60a3", "61a3")] = {"extension_type": "property-extension", "a": 1}

    def mark_iep(self, m):
        x = {"extension_type": "property-extension", "iep_id": "01bb4353-1f6a-4c2c-9f5d-8dd1d0c8c6f2", "name": "an IEP"}
        if self.maybe(0.95):
            x["tlp"] = self.r.choice(["white", "GREEN", "amber", "clear", "red", "amber+strict"] + (["blue"] if self.maybe(0.1) else []))
        if self.maybe(0.95):
            x["provider_attribution"] = self.r.choice(["may", "must", "must-not", "MUST NOT", "must_not"])
        if self.maybe(0.3):
            x["start_date"] = self.r.choice(TIMES)
        if self.maybe(0.3):
            x["end_date"] = self.r.choice(TIMES)
        m["extensions"] = {oracle.IEP: x}

    # ---- objects

    def object(self, kind, others, marks):
        o = {"type": kind, "spec_version": "2.1", "id": self.id(kind)}
        if kind != "ipv4-addr":
            o["created"] = self.r.choice(TIMES[:3])
            o["modified"] = self.r.choice([t for t in TIMES[:5] if t >= o["created"]])
            if self.maybe(0.6):
                o["created_by_ref"] = self.r.choice([*IDENTITY.values(), VENDOR])
            if self.maybe(0.5):
                o["labels"] = self.some(LABELS)
            if self.maybe(0.5):
                o["confidence"] = self.r.choice([0, 10, 49, 50, 80, 100])
            if self.maybe(0.15):
                o["lang"] = self.r.choice(LANGS)
            if self.maybe(0.15):
                o["revoked"] = self.maybe(0.7)
            if self.maybe(0.3):
                o["external_references"] = [{"source_name": self.r.choice([*oracle.ATTACK, "cve", "capec"]), "external_id": self.r.choice(ATTACKS)}
                                            for _ in range(self.r.randint(1, 2))]
        refs = []
        if self.maybe(0.75):
            refs += self.r.choices(list(oracle.TLP_IDS), k=1)
        if self.maybe(0.4):
            refs += self.some([m["id"] for m in marks] + [OTHER_MARKING, "marking-definition--00000000-0000-4000-9000-00000000000b"], 2)
        if refs:
            o["object_marking_refs"] = list(dict.fromkeys(refs))
        if self.maybe(0.1) and kind != "marking-definition":
            o["granular_markings"] = [{"selectors": ["id"], "marking_ref": self.r.choice(list(oracle.TLP_IDS) + [m["id"] for m in marks])}]
        if self.maybe(0.05) and kind not in ("marking-definition", "ipv4-addr"):
            o.setdefault("granular_markings", []).append({"selectors": ["type"], "lang": "ja"})
        getattr(self, "of_" + kind.replace("-", "_"))(o, others)
        return o

    def of_indicator(self, o, others):
        o |= {"pattern_type": self.r.choice(["stix", "stix", "stix", "sigma"]), "valid_from": "2026-01-01T00:00:00Z", "name": "an indicator"}
        o["pattern"] = self.r.choice([f"[{self.r.choice(OBSERVES)}:value = 'a\\'b domain-name:x']",
                                      "[domain-name:value = 'x'] OR [ipv4-addr:value = '1.1.1.1']", "[file:hashes.MD5 = 'ipv4-addr:']"])
        if self.maybe(0.4):
            o["indicator_types"] = self.some(KINDS)

    def of_malware(self, o, others):
        o |= {"name": "a family", "is_family": True, "description": "words"}

    def of_tool(self, o, others):
        o |= {"name": "a tool"}

    def of_identity(self, o, others):
        o |= {"name": "somebody", "identity_class": "organization"}

    def of_ipv4_addr(self, o, others):
        o |= {"value": f"10.0.{self.r.randint(0, 255)}.{self.count % 255}"}

    def refs(self, others):
        return self.r.sample(others, self.r.randint(1, min(2, len(others)))) if others else [IDENTITY["JP-MOD"]]

    def of_report(self, o, others):
        o |= {"name": "a report", "published": "2026-01-01T00:00:00Z", "object_refs": self.refs(others)}

    def of_note(self, o, others):
        o |= {"content": "words", "object_refs": self.refs(others)}
        if self.maybe(0.5):
            o["labels"] = [self.r.choice(["request", "Request", "requests"])]

    def of_opinion(self, o, others):
        o |= {"opinion": "agree", "object_refs": self.refs(others)}

    def of_relationship(self, o, others):
        two = self.r.choices([x for x in others if x.split("--")[0] in ("indicator", "malware", "tool")] or [IDENTITY["US-DOD"]], k=2)
        o |= {"relationship_type": "related-to", "source_ref": two[0], "target_ref": two[1]}

    def of_sighting(self, o, others):
        o |= {"sighting_of_ref": self.r.choice([x for x in others if x.split("--")[0] in ("indicator", "malware", "tool")] or [stand_in("malware")])}
        if self.maybe(0.5):
            o["where_sighted_refs"] = [self.r.choice([IDENTITY["JP-MOD"], VENDOR])]
        if self.maybe(0.2):
            o["sectors"] = self.some(SECTORS)

    def of_marking_definition(self, o, others):
        o.pop("confidence", None), o.pop("lang", None), o.pop("labels", None), o.pop("revoked", None), o.pop("modified", None)
        getattr(self, "mark_" + self.r.choice(["statement", "other", "altered", "pap"]))(o)

    # ---- rules

    def rule(self, outcomes, release=False):
        self.clauses += 1
        rule = {"clause": f"C-{self.clauses}", "outcome": self.r.choice(outcomes)}
        if release or self.maybe(0.4):
            rule["types"] = ["all"] if self.maybe(0.6) else self.some(TYPES, 4)
        if (release and rule["outcome"] == "release") or self.maybe(0.3):
            levels = oracle.LEVELS if release else [*oracle.LEVELS, "none"]
            rule["tlp"] = self.some(levels, 4)
        if self.maybe(0.1):
            rule["pap"] = self.some(["none", *oracle.COLOURS])
        for key, values in (("labels", [x for x in LABELS if x not in ("sector:",)]), ("creators", [*IDENTITY.values(), VENDOR]), ("sectors", SECTORS),
                            ("indicator_types", KINDS), ("observes", OBSERVES), ("attack", ATTACKS), ("languages", LANGS),
                            ("markings", list(oracle.TLP_IDS))):
            if self.maybe(0.08):
                values = list({oracle.fold(v): v for v in self.r.sample(values, len(values))}.values()) if key != "creators" else values
                shuffled = self.r.sample(values, len(values))
                cut = self.r.randint(1, max(1, len(values) - 1))
                parts = {"any": shuffled[:cut][:3], "none": [v for v in shuffled[cut:] if oracle.fold(v) not in map(oracle.fold, shuffled[:cut])][:3]}
                rule[key] = {k: parts[k] for k in self.some(["any", "none"], 2) if parts[k]} or {"any": parts["any"]}
        if self.maybe(0.15):
            rule["confidence"] = {"absent": self.r.choice(["enough", "too-low"])} | {k: v for k, v in (("min", 20), ("max", 80)) if self.maybe(0.6)}
            if len(rule["confidence"]) == 1:
                rule["confidence"]["min"] = 50
        if self.maybe(0.1):
            rule["age"] = {self.r.choice(["min", "max"]): self.r.choice(SPANS)}
        if self.maybe(0.35 if release else 0.15):
            rule["sources"] = self.some(["own", *PARTIES[1:]])
        if self.maybe(0.25):
            rule["when"] = self.expression(2)
        return rule

    def expression(self, depth):
        if depth and self.maybe(0.5):
            joined = self.r.choice([" and ", " or "]).join(self.expression(depth - 1) for _ in range(self.r.randint(2, 3)))
            return f"({joined})" if self.maybe(0.8) else joined
        if self.maybe(0.15):
            return "not " + self.expression(0)
        return self.test()

    def value(self, fact):
        values = {"type": TYPES, "label": LABELS[:4], "marking": list(oracle.TLP_IDS), "creator": [VENDOR, *IDENTITY.values()], "source": ["own", *PARTIES[1:]],
                  "sector": SECTORS, "indicator_type": KINDS, "observes": OBSERVES, "attack": ATTACKS, "language": LANGS, "confidence": ["0", "50", "80", "100"],
                  "age": SPANS, "tlp": oracle.LEVELS, "pap": oracle.COLOURS}[fact]
        v = self.r.choice(values)
        return f'"{v}"' if self.maybe(0.3) else v

    def test(self):
        fact = self.r.choice(["type", "label", "marking", "creator", "source", "sector", "indicator_type", "observes", "attack", "language", "confidence", "age",
                              "tlp", "tlp", "pap", "revoked"])
        if fact == "revoked":
            return "revoked"
        how = self.r.random()
        if how < 0.15 and fact not in ("type", "source"):
            return f"{fact} is {self.r.choice(['none', 'present'])}"
        if how < 0.4:
            return f"{fact} {self.r.choice(['', 'not '])}in ({', '.join(self.value(fact) for _ in range(self.r.randint(1, 3)))})"
        operators = ["=", "!=", "<", "<=", ">", ">="] if fact in ("confidence", "age", "tlp", "pap") else ["=", "!="]
        return f"{fact} {self.r.choice(operators)} {self.value(fact)}"

    def redact(self):
        kinds = {"creator": True, "external_references": True, "descriptions": True, "properties": ["confidence", "description"], "times": "1d",
                 "mark": [{"properties": ["name"], "tlp": "amber"}]}
        return {k: kinds[k] for k in self.some(list(kinds), 2)}

    # ---- agreements

    def agreement(self, number, parties):
        g = {"renkei": "agreement/v1", "title": f"world {number}", "effective": self.r.choice(["2026-01-01"] * 4 + DATES[:3]), "ends": self.r.choice(["2026-06-30", *["2027-12-31"] * 4]),
             "parties": [{"id": p, "name": p, "key": "ed25519:" + KEYS[p]} | ({"country": COUNTRIES[p]} if self.maybe(0.8) else {}) for p in parties],
             "release": []}
        if self.maybe(0.5):
            g["markings"] = [{"id": OTHER_MARKING, "name": "ours"}]
        for a in parties:
            for b in parties:
                if a == b or (g["release"] and self.maybe(0.06)):
                    continue
                d = {"from": a, "to": b, "no_tlp": self.r.choice([*oracle.LEVELS, "withhold", "green", "green"]),
                     "rules": [self.release_rule() for _ in range(self.r.randint(0, 5))]}
                if self.maybe(0.6) and len(parties) > 2 or self.maybe(0.4):
                    d["onward"] = [self.onward_rule(parties) for _ in range(self.r.randint(1, 3))]
                if self.maybe(0.6):
                    back = self.maybe(0.7)
                    d["sightings"] = {"return": back, "name_member": back and self.maybe(0.5)}
                for key in ("opinions", "requests"):
                    if self.maybe(0.4):
                        d[key] = {"return": self.maybe(0.7)}
                g["release"].append(d)
        return g

    def release_rule(self):
        rule = self.rule(["release", "release", "release", "withhold"], True)
        if rule["outcome"] == "release":
            if self.maybe(0.15):
                rule["embargo"] = "10d"
            if self.maybe(0.15):
                rule["expiry"] = self.r.choice(["30d", "100d"])
            if self.maybe(0.3):
                rule["redact"] = self.redact()
        return rule

    def onward_rule(self, parties):
        rule = self.rule(["permit", "permit", "consent", "forbid"])
        if self.maybe(0.5):
            rule["to"] = self.some(["all", *parties], 2)
            if "all" in rule["to"]:
                rule["to"] = ["all"]
        if rule["outcome"] != "forbid" and self.maybe(0.5):
            rule["hops"] = self.r.randint(1, 3)
        return rule

    def policy(self, version):
        rules = []
        for _ in range(self.r.randint(0, 4)):
            rule = self.rule(["withhold", "refer", "refer"])
            if self.maybe(0.5):
                rule["to"] = self.some(PARTIES[1:])
            if rule["outcome"] == "refer" and self.maybe(0.5):
                rule["approvals"] = self.r.randint(1, 2)
            rules.append(rule)
        return {"renkei": "national-policy/v1", "party": "JP-MOD", "version": version, "effective": self.r.choice(DATES), "officer": OFFICER, "rules": rules}

    # ---- the whole

    def make(self):
        agreements = [self.agreement(0, PARTIES)]
        if self.maybe(0.6):
            agreements.append(self.agreement(1, ["JP-MOD", self.r.choice(PARTIES[1:])]))
        marks = self.markings()
        imports = [{"source": "", "tlp": None, "confidence": None, "labels": [], "objects": marks}]
        others, asked = [], []
        for _ in range(self.r.randint(25, 40)):
            handled = self.maybe(0.4)
            source = self.r.choice(["", "", "", "", *PARTIES[1:]])
            usable = [x for x in others] or []
            o = self.object(self.r.choice(TYPES), usable, marks)
            imports.append({"source": source, "objects": [o],
                            "tlp": self.r.choice([None, *oracle.LEVELS]) if handled else None,
                            "confidence": self.r.choice([None, 0, 30, 90]) if handled else None,
                            "labels": sorted(self.some(LABELS, 2)) if handled and self.maybe(0.5) else []})
            if o["type"] != "marking-definition":
                others.append(o["id"])
            asked.append(o["id"])
        consents = [{"object": id, "party": self.r.choice(PARTIES[1:]), "holder": "JP-MOD", "recipient": self.r.choice(PARTIES[1:])}
                    for id in asked if self.maybe(0.3)]
        policies = [self.policy(n) for n in range(1, self.r.randint(1, 3))]
        questions = []
        for id in [*asked, *(m["id"] for m in marks)]:
            for n, g in enumerate(agreements):
                for p in g["parties"]:
                    if p["id"] != "JP-MOD":
                        for now in self.r.sample(TIMES, 2):
                            questions.append({"object": id, "agreement": n, "to": p["id"], "now": now})
        members = [i["objects"][0]["id"] for i in imports
                   if i["source"] == "" and i["objects"][0]["type"] == "identity" and self.maybe(0.5)]
        return {"party": "JP-MOD", "members": members, "identity": IDENTITY["JP-MOD"], "now": TIMES[4],
                "parties": [{"id": p, "identity": IDENTITY[p]} for p in PARTIES[1:]],
                "agreement_dicts": agreements, "policies": policies, "imports": imports, "consents": consents, "questions": questions}


def stand_in(kind):
    return f"{kind}--00000000-0000-4000-b000-000000000001"


def yaml(value):
    """Flow YAML, which JSON is but for its escapes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(yaml(v) for v in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("'", "''") + "'"


def yaml_file(value):
    return "".join(f"{k}: {yaml(v)}\n" for k, v in value.items())
