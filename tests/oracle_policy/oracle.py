"""Decisions, by docs/agreements.md alone: slow, obvious, and sharing nothing with src/policy.

An agreement and a policy are Python dicts here, as the generator made them; objects are STIX as dicts.
"""

import datetime

LEVELS = ["clear", "green", "amber", "amber+strict", "red"]
COLOURS = ["clear", "green", "amber", "red"]
ACS = "extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce"
IEP = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
TLP2 = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
ATTACK = ("mitre-attack", "mitre-mobile-attack", "mitre-ics-attack")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}


def tlp_objects():
    ids = {"613f2e26-407d-48c7-9eca-b8e91df99dc9": ("1", "white"), "34098fce-860f-48ae-8e50-ebd3cc5e41da": ("1", "green"),
           "f88d31f6-486f-44da-b317-01333bde0b82": ("1", "amber"), "5e57c739-391a-4eb3-b6be-7d15ca92d5ed": ("1", "red"),
           "94868c89-83c2-464b-929b-a1a8aa3c8487": ("2", "clear"), "bab4a63c-aed9-4cf5-a766-dfca5abac2bb": ("2", "green"),
           "55d920b0-5e8b-4f79-9ee9-91f868d9b421": ("2", "amber"), "939a9414-2ddd-4d32-a0cd-375ea402b003": ("2", "amber+strict"),
           "e828b379-4e03-4974-9ac4-e53a884c97c1": ("2", "red")}
    return {"marking-definition--" + id: "clear" if level == "white" else level for id, (_, level) in ids.items()}


TLP_IDS = tlp_objects()


def span(text):
    return int(text[:-1]) * UNITS[text[-1]]


def when(text):
    """A time or a date as seconds; None for what is none."""
    try:
        if len(text) == 10:
            text += "T00:00:00Z"
        t = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        return t.timestamp() if t.tzinfo else None
    except ValueError:
        return None


def end_of(text):
    return when(text) + (86400 if len(text) == 10 else 0)


def fold(text):
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def texts(value):
    return [value] if isinstance(value, str) else list(value or [])


# ---- markings


def shape_of_pap(text):
    """What follows `PAP` and one or more of blank : _ - = ", the first not ", and the first of those signs; or None."""
    t = fold(text)
    if not t.startswith("pap") or len(t) < 4 or t[3] not in " :_-=":
        return None
    rest = t[3:].lstrip(" :_-=\"").rstrip('"')
    return "clear" if rest == "white" else rest, t[3]


def classify(marking):
    """(kind, details) of a marking definition object that is held, or None for one that is not."""
    if marking is None:
        return "other", None
    if marking["id"] in TLP_IDS:
        return "tlp", TLP_IDS[marking["id"]]
    definition, kind = marking.get("definition"), marking.get("definition_type")
    extensions = marking.get("extensions")
    takes = (TLP2 in (extensions or {}) or fold(kind or "") == "tlp" or fold(marking.get("name", "")).startswith("tlp:")
             or (definition is not None and ("tlp" in definition or fold(str(definition.get("statement", ""))).startswith("tlp:"))))
    if takes:
        return "altered", None
    for id, kind_name in ((ACS, "acs"), (IEP, "iep")):
        if id in (extensions or {}):
            if set(extensions) != {id} or definition is not None:
                return "altered", None
            read = {"acs": read_acs, "iep": read_iep}[kind_name](extensions[id])
            return (kind_name, read) if read is not None else ("altered", None)
    if kind == "pap" or (definition is not None and "pap" in definition):
        colour = fold(str((definition or {}).get("pap", "")))
        colour = "clear" if colour == "white" else colour
        return ("pap", colour) if colour in COLOURS else ("altered", None)
    for word in ((definition or {}).get("statement", ""), marking.get("name", "")):
        shape = shape_of_pap(word)
        if shape:
            return ("pap", shape[0]) if shape[0] in COLOURS else ("altered", None)
    if kind == "statement" and extensions is None:
        return "statement", None
    return "other", None


def read_acs(x):
    control = x.get("control_set") or {}
    if not isinstance(control.get("classification"), str):
        return None
    for rule in x.get("access_privilege", []) + x.get("further_sharing", []):
        if rule.get("rule_effect") not in ("permit", "deny"):
            return None
    return x


def read_iep(x):
    if fold(x.get("tlp", "")) not in LEVELS + ["white"]:
        return None
    if fold(x.get("provider_attribution", "")).replace(" ", "-").replace("_", "-") not in ("may", "must", "must-not"):
        return None
    for key in ("start_date", "end_date"):
        if key in x and when(x[key]) is None:
            return None
    return x


def words(value):
    return {fold(w) for w in texts(value)}


def acs_keeps(x, recipient):
    control = x["control_set"]
    formal, caveat = words(control.get("formal_determination")), words(control.get("caveat"))
    if control["classification"] != "U" or {"nf", "noforn"} & (formal | caveat) or caveat:
        return True
    for p in x.get("access_privilege", []):
        if fold(p.get("privilege_action", "")) in ("all", "dsply", "cisauses") and p["rule_effect"] == "deny":
            return True
    for key, mine in (("permitted_nationalities", recipient.get("country")), ("permitted_organizations", recipient["id"])):
        allowed = words(control.get(key))
        if allowed and "all" not in allowed and (mine is None or fold(mine) not in allowed):
            return True
    named = {"all", "foreigngov", fold(recipient["id"])}
    if any(f["rule_effect"] == "deny" and words(f.get("sharing_scope")) & named for f in x.get("further_sharing", [])):
        return True
    permitted = any(f["rule_effect"] == "permit" and words(f.get("sharing_scope")) & named for f in x.get("further_sharing", []))
    return "pubrel" not in formal and not permitted


def acs_redacts(x):
    effects = {p["rule_effect"] for p in x.get("access_privilege", []) if fold(p.get("privilege_action", "")) in ("idsrc", "all")}
    return not ("permit" in effects and "deny" not in effects)


class Marks:
    """All that the markings of an object come to."""

    def __init__(self, o, handling, held):
        self.ids = list(o.get("object_marking_refs", [])) + [g["marking_ref"] for g in o.get("granular_markings", []) if "marking_ref" in g]
        self.kinds = [(id, *classify(held.get(id) or ({"id": id} if id in TLP_IDS else None))) for id in self.ids]
        levels = [d for _, k, d in self.kinds if k == "tlp"]
        for _, k, d in self.kinds:
            if k == "iep" and "tlp" in d:
                levels.append("clear" if fold(d["tlp"]) == "white" else fold(d["tlp"]))
        if handling.get("tlp"):
            levels.append(handling["tlp"])
        self.tlp = max(levels, key=LEVELS.index) if levels else None
        colours = [d for _, k, d in self.kinds if k == "pap"]
        for label in texts(o.get("labels")) + handling.get("labels", []):
            shape = shape_of_pap(label)
            if shape and (shape[0] in COLOURS or shape[1] in ":="):
                colours.append(shape[0] if shape[0] in COLOURS else "red")
        self.pap = max(colours, key=COLOURS.index) if colours else None
        self.too_many = len(self.ids) > 64

    def unknown(self, recognised):
        return self.too_many or any(k == "altered" or (k == "other" and id not in recognised) for id, k, _ in self.kinds)


# ---- facts


def observes(pattern):
    found, run, quoted, i = [], "", False, 0
    while i < len(pattern):
        c = pattern[i]
        if quoted:
            if c == "\\":
                i += 1
            elif c == "'":
                quoted = False
            run = ""
        elif c == "'":
            quoted, run = True, ""
        elif c == ":" and run:
            if run not in found:
                found.append(run)
            run = ""
        elif c in "abcdefghijklmnopqrstuvwxyz0123456789-":
            run += c
        else:
            run = ""
        i += 1
    return found[:32]


class Facts:
    def __init__(self, o, handling, source, marks, now, tlp):
        labels = [x for x in texts(o.get("labels")) + handling.get("labels", []) if x]
        ids = []
        for ref in [r for r in o.get("external_references", []) if r.get("source_name") in ATTACK][:256]:
            id = ref.get("external_id")
            if id:
                ids += [id] + ([id.split(".")[0]] if "." in id else [])
        self.many = {
            "label": [fold(x) for x in labels],
            "marking": [fold(x) for x in marks.ids],
            "creator": texts(o.get("created_by_ref")),
            "sector": [fold(x) for x in o.get("sectors", []) if x] + [fold(x[7:]) for x in labels if fold(x).startswith("sector:") and x[7:]],
            "indicator_type": [fold(x) for x in o.get("indicator_types", []) if x],
            "observes": observes(o.get("pattern", "")) if o.get("pattern_type") == "stix" else [],
            "attack": [fold(x) for x in ids],
            "language": [fold(o["lang"])] if o.get("lang") else [],
            "type": [o["type"]],
            "source": [source],
        }
        self.tlp, self.pap, self.revoked = tlp, marks.pap, bool(o.get("revoked"))
        self.confidence = handling["confidence"] if handling.get("confidence") is not None else o.get("confidence")
        self.version = when(o["modified"]) if "modified" in o else when(o["created"]) if "created" in o else None
        self.age = None if self.version is None else max(0, now - self.version)


FOLDED = ("label", "marking", "sector", "indicator_type", "attack", "language")
LISTS = {"labels": "label", "markings": "marking", "creators": "creator", "sectors": "sector", "indicator_types": "indicator_type",
         "observes": "observes", "attack": "attack", "languages": "language"}


def normal(fact, value, names):
    value = names.get(value, value) if fact == "marking" else value
    return fold(value) if fact in FOLDED else value


# ---- expressions


def tokens(text):
    out, i = [], 0
    while i < len(text):
        c = text[i]
        if c == " ":
            i += 1
        elif c == '"':
            word, i = "", i + 1
            while text[i] != '"':
                i += text[i] == "\\"
                word, i = word + text[i], i + 1
            out.append(("text", word))
            i += 1
        elif text[i:i + 2] in ("!=", "<=", ">="):
            out.append((text[i:i + 2], None))
            i += 2
        elif c in "=<>(),":
            out.append((c, None))
            i += 1
        else:
            j = i
            while j < len(text) and (text[j].isalnum() or text[j] in "_.:+/-"):
                j += 1
            word = text[i:j]
            out.append((word if word in ("and", "or", "not", "in", "is") else "word", word))
            i = j
    return out + [("end", None)]


class Expression:
    """Recursive descent over the grammar of the document; values are computed as it is read."""

    def __init__(self, text, facts, names):
        self.t, self.i, self.f, self.names = tokens(text), 0, facts, names

    def take(self, kind=None):
        token = self.t[self.i]
        assert kind is None or token[0] == kind, (token, kind)
        self.i += 1
        return token

    def peek(self):
        return self.t[self.i][0]

    def value(self):
        result = self.either()
        self.take("end")
        return result

    def either(self):
        result = self.both()
        while self.peek() == "or":
            self.take()
            result = self.both() or result
        return result

    def both(self):
        result = self.single()
        while self.peek() == "and":
            self.take()
            result = self.single() and result
        return result

    def single(self):
        if self.peek() == "not":
            self.take()
            return not self.single()
        if self.peek() == "(":
            self.take()
            result = self.either()
            self.take(")")
            return result
        fact = self.take("word")[1]
        if fact == "revoked":
            return self.f.revoked
        if self.peek() == "is":
            self.take()
            return self.present(fact) == (self.take("word")[1] == "present")
        negated = self.peek() == "not"
        if negated:
            self.take()
        if self.peek() == "in":
            self.take()
            self.take("(")
            found = self.compare(fact, "=", self.take()[1])
            while self.peek() == ",":
                self.take()
                found = self.compare(fact, "=", self.take()[1]) or found
            self.take(")")
            return found != negated
        return self.compare(fact, self.take()[0], self.take()[1])

    def present(self, fact):
        if fact in self.f.many:
            return bool(self.f.many[fact])
        return getattr(self.f, fact) is not None

    def compare(self, fact, operator, value):
        if operator == "!=":
            return not self.compare(fact, "=", value)
        if fact in self.f.many:
            return normal(fact, value, self.names) in self.f.many[fact]
        have = getattr(self.f, fact)
        if have is None:
            return False
        if fact == "tlp":
            have, value = LEVELS.index(have), LEVELS.index(value)
        elif fact == "pap":
            have, value = COLOURS.index(have), COLOURS.index(value)
        elif fact == "age":
            value = span(value)
        else:
            value = int(value)
        return {"=": have == value, "<": have < value, "<=": have <= value, ">": have > value, ">=": have >= value}[operator]


# ---- rules


def conditions_hold(rule, f, names, release):
    if "types" in rule and "all" not in rule["types"] and f.many["type"][0] not in rule["types"]:
        return False
    if "tlp" in rule and (f.tlp or "none") not in rule["tlp"]:
        return False
    if "pap" in rule and (f.pap or "none") not in rule["pap"]:
        return False
    for key, fact in LISTS.items():
        if key in rule:
            have = f.many[fact]
            if "any" in rule[key] and not any(normal(fact, v, names) in have for v in rule[key]["any"]):
                return False
            if "none" in rule[key] and any(normal(fact, v, names) in have for v in rule[key]["none"]):
                return False
    if "confidence" in rule:
        c = rule["confidence"]
        if f.confidence is None:
            if c["absent"] != "enough":
                return False
        elif not c.get("min", 0) <= f.confidence <= c.get("max", 100):
            return False
    if "age" in rule:
        a = rule["age"]
        if f.age is None or f.age < span(a.get("min", "0s")) or ("max" in a and f.age > span(a["max"])):
            return False
    if "sources" in rule:
        if f.many["source"][0] not in rule["sources"]:
            return False
    elif release and f.many["source"][0] != "own":
        return False
    return "when" not in rule or Expression(rule["when"], f, names).value()


def names_source(rule, source):
    """Under `sources`, or in an expression."""
    if source in rule.get("sources", []):
        return True
    t = tokens(rule.get("when", ""))
    for i, (kind, word) in enumerate(t):
        if (kind, word) == ("word", "source"):
            j = i + 1
            while t[j][0] in ("=", "!=", "not", "in", "(", ",", "text", "word", "<", ">", "<=", ">=") and not (j > i + 2 and t[j - 1][0] not in ("(", ",", "=", "!=", "in") and t[j][0] != ","):
                if t[j][0] in ("word", "text") and t[j][1] == source:
                    return True
                j += 1
    return False


def to_includes(rule, party):
    return "to" not in rule or "all" in rule["to"] or party in rule["to"]


def direction(g, a, b):
    return next((r for r in g["release"] if r["from"] == a and r["to"] == b), None)


# ---- the decision


class Oracle:
    """A world: a party's agreements, policies, holdings."""

    def __init__(self, world, quarantined):
        """quarantined: ids of what was kept but does not count; who may speak for an object is not what is tried here."""
        self.w, self.quarantined = world, quarantined
        self.held = {}
        for item in world["imports"]:
            for o in item["objects"]:
                self.held[o["id"]] = (o, item)
        self.markings = {id: o for id, (o, _) in self.held.items() if o["type"] == "marking-definition"}

    def came_from(self, id, party):
        return id in self.held and self.held[id][1]["source"] == party and id not in self.quarantined

    def decide(self, id, g, b, now):
        self.redactions = set()
        outcome, reason, clause, rule = self.by_agreement(id, g, b, now)
        answer = {"outcome": outcome, "reason": reason, "clause": clause, "approvals": 0, "national_clause": "", "redactions": ""}
        if outcome != "release":
            return answer
        if id not in self.w["members"]:
            self.redact(g, b, rule)
        if self.o["id"] in self.held and any(k == "iep" and self.attribution(d) == "must" for _, k, d in self.marks.kinds) and self.redactions and self.creator_can_go():
            return {**answer, "outcome": "withhold", "reason": "iep"}
        self.by_policy(answer, b, now)
        if answer["outcome"] != "withhold":
            answer["redactions"] = ", ".join(n for n in ("member", "creator", "external references", "descriptions", "properties", "times",
                                                         "markings added") if n in self.redactions)
        return answer

    @staticmethod
    def attribution(iep):
        return fold(iep.get("provider_attribution", "may")).replace(" ", "-").replace("_", "-")

    def by_agreement(self, id, g, b, now):
        w, a = self.w, self.w["party"]
        o, item = self.held[id]
        self.o, self.item = o, item
        handling = {k: item.get(k) for k in ("tlp", "labels", "confidence") if item.get(k)} if item.get("confidence") is None else dict(item)
        handling.setdefault("labels", [])
        self.handling = handling
        source = item["source"] or "own"
        marks = self.marks = Marks(o, handling, self.markings)
        names = {m["name"]: m["id"] for m in g.get("markings", [])}
        if id in TLP_IDS:
            return "withhold", "builtin", "", None
        if now < when(g["effective"]):
            return "withhold", "not-effective", "", None
        if now >= end_of(g["ends"]):
            return "withhold", "ended", "", None
        back = direction(g, b, a)
        if id in w["members"]:
            if back and back.get("sightings", {}).get("name_member"):
                return "release", "sightings-return", f"sightings {b}→{a}", None
            return "withhold", "sightings-kept", "", None
        d = direction(g, a, b)
        if source != "own":
            refused = self.onward(g, d, source, b, now)
            if refused:
                return "withhold", *refused, None
        if marks.unknown({m["id"] for m in g.get("markings", [])}) or (o["type"] == "marking-definition" and classify(o)[0] == "altered"):
            return "withhold", "unknown-marking", "", None
        recipient = next(p for p in g["parties"] if p["id"] == b)
        for _, kind, details in marks.kinds:
            if kind == "acs" and acs_keeps(details, recipient):
                return "withhold", "acs", "", None
            if kind == "iep" and (("start_date" in details and now < when(details["start_date"])) or ("end_date" in details and now >= when(details["end_date"]))):
                return "withhold", "iep", "", None
        if source == "own" and (marks.tlp is None or LEVELS.index(marks.tlp) <= LEVELS.index("amber")) and back:
            if o["type"] == "sighting" and self.came_from(o.get("sighting_of_ref"), b):
                if back.get("sightings", {}).get("return"):
                    return "release", "sightings-return", f"sightings {b}→{a}", None
                return "withhold", "sightings-kept", f"sightings {b}→{a}", None
            refs = o.get("object_refs", [])
            if refs and all(self.came_from(r, b) for r in refs):
                if o["type"] == "opinion" and back.get("opinions", {}).get("return"):
                    return "release", "opinions-return", f"opinions {b}→{a}", None
                if o["type"] == "note" and "request" in [fold(x) for x in texts(o.get("labels"))] and back.get("requests", {}).get("return"):
                    return "release", "requests-return", f"requests {b}→{a}", None
        if d is None:
            return "withhold", "no-direction", "", None
        if marks.tlp is None and d["no_tlp"] == "withhold":
            return "withhold", "no-tlp", "", None
        facts = Facts(o, handling, source, marks, now, marks.tlp or d["no_tlp"])
        for rule in d["rules"]:
            if not conditions_hold(rule, facts, names, True):
                continue
            if rule["outcome"] == "withhold":
                return "withhold", "rule-withholds", rule["clause"], rule
            if "embargo" in rule and (facts.version is None or now < facts.version + span(rule["embargo"])):
                return "withhold", "embargo", rule["clause"], rule
            if "expiry" in rule and (facts.version is None or now >= facts.version + span(rule["expiry"])):
                return "withhold", "expired", rule["clause"], rule
            return "release", "rule-releases", rule["clause"], rule
        return "withhold", "no-rule", "", None

    def onward(self, g, d, source, b, now):
        if d is None or source == b or not any(names_source(r, source) for r in d["rules"] + d.get("onward", [])):
            return "not-own", ""
        found = False
        for other in sorted(self.w["agreement_dicts"], key=lambda g: g["hash"]):
            came = direction(other, source, self.w["party"])
            if came is None:
                continue
            found = True
            names = {m["name"]: m["id"] for m in other.get("markings", [])}
            facts = Facts(self.o, self.handling, source, self.marks, now, self.marks.tlp)
            rule = next((r for r in came.get("onward", []) if to_includes(r, b) and conditions_hold(r, facts, names, False)), None)
            if rule is None:
                return "onward-forbidden", ""
            if rule["outcome"] == "forbid":
                return "onward-forbidden", rule["clause"]
            identity = next(p["identity"] for p in self.w["parties"] if p["id"] == source)
            hops = 1 if self.o.get("created_by_ref") in (None, identity) else 2
            if hops > rule.get("hops", 1):
                return "too-many-hops", rule["clause"]
            if rule["outcome"] == "consent" and not self.consented(b):
                return "consent-needed", rule["clause"]
        return None if found else ("onward-forbidden", "")

    def consented(self, b):
        return any(c["object"] == self.o["id"] and c["recipient"] == b and c["holder"] == self.w["party"] and
                   self.came_from(c["object"], c["party"]) for c in self.w["consents"])

    def creator_can_go(self):
        o = self.o
        return "created_by_ref" in o and o["created_by_ref"] != self.w["identity"] and "created" in o

    def redact(self, g, b, rule):
        o = self.o
        redact = (rule or {}).get("redact", {})
        creator = redact.get("creator") or any((k == "acs" and acs_redacts(d)) or (k == "iep" and self.attribution(d) == "must-not") for _, k, d in self.marks.kinds)
        if creator and self.creator_can_go():
            self.redactions.add("creator")
        for key, name in (("external_references", "external references"), ("descriptions", "descriptions"), ("properties", "properties"),
                          ("times", "times"), ("mark", "markings added")):
            if redact.get(key):
                self.redactions.add(name)
        if o["type"] == "sighting" and o.get("where_sighted_refs"):
            back = direction(g, b, self.w["party"])
            named = back and back.get("sightings", {}).get("name_member") and self.came_from(o.get("sighting_of_ref"), b)
            if not named:
                self.redactions.add("member")

    def by_policy(self, answer, b, now):
        in_force = [n for n in self.w["policies"] if when(n["effective"]) <= now]
        if not in_force:
            return
        policy = max(in_force, key=lambda n: n["version"])
        facts = Facts(self.o, self.handling, self.item["source"] or "own", self.marks, now, self.marks.tlp)
        strength = {("withhold", 0): 3, ("refer", 2): 2, ("refer", 1): 1}
        best = 0
        for rule in policy["rules"]:
            if not to_includes(rule, b) or not conditions_hold(rule, facts, {}, False):
                continue
            approvals = rule.get("approvals", 1) if rule["outcome"] == "refer" else 0
            if strength[rule["outcome"], approvals] > best:
                best = strength[rule["outcome"], approvals]
                answer.update(outcome=rule["outcome"], reason={"withhold": "national-withholds", "refer": "national-refers"}[rule["outcome"]],
                              approvals=approvals, national_clause=rule["clause"])
