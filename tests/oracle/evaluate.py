"""Whether a pattern matches a list of observations: every binding is enumerated, as STIX 2.1 §9 words it.

An observation is {"first_observed", "last_observed", "number_observed", "object_refs": [id…], "objects": [object…]}:
an observed-data with all that can be reached from it. A binding is a tuple of counts, one an observation: how many of
its number_observed instances are used. "Different observations" (§9.5) are then counts that add up to no more than
there are.

Where §9 says nothing:
  null            equals nothing and has no order; it is a value all the same: != is true of it, EXISTS, too.
  lists, dictionaries  likewise.
"""
import base64
import binascii
import ipaddress
import re
import unicodedata
from decimal import Decimal

from language import instant, parse

BINDINGS_MAX = 20000  # beyond, the pair is too explosive to enumerate


class TooMany(Exception):
    pass


def matches(pattern, observations):
    """The set of bindings' supports: {(0, 2), …}; empty when the pattern does not match."""
    bound = bindings(parse(pattern), observations)
    return {tuple(at for at, count in enumerate(binding) if count) for binding in bound}


def bindings(node, observations):
    kind, number = node[0], [o["number_observed"] for o in observations]
    if kind == "observe":
        return {tuple(int(at == each) for at in range(len(observations)))
                for each, observation in enumerate(observations) if observed(node[1], observation)}
    if kind == "or":
        return bindings(node[1], observations) | bindings(node[2], observations)
    if kind == "and":
        return together(bindings(node[1], observations), bindings(node[2], observations), number)
    if kind == "followedby":
        return together(bindings(node[1], observations), bindings(node[2], observations), number,
                        lambda left, right: latest_start(left, observations) <= earliest_end(right, observations))
    bound = bindings(node[1], observations)
    if kind == "within":
        return {b for b in bound if latest_start(b, observations) - earliest_end(b, observations) <= node[2]}
    if kind == "window":
        start, stop = node[2], node[3]
        if start is None or stop is None or start >= stop:
            return set()
        return {b for b in bound if all(first < stop and last >= start for first, last in times(b, observations))}
    repeated = bound
    for _ in range(node[2] - 1):
        repeated = together(repeated, bound, number)
    return repeated


def together(left, right, number, admits=lambda one, other: True):
    out = set()
    for one in left:
        for other in right:
            both = tuple(a + b for a, b in zip(one, other))
            if all(count <= most for count, most in zip(both, number)) and admits(one, other):
                out.add(both)
    if len(out) > BINDINGS_MAX:
        raise TooMany
    return out


def times(binding, observations):
    return [(instant(o["first_observed"]), instant(o["last_observed"]))
            for o, count in zip(observations, binding) if count]


def latest_start(binding, observations):
    return max(first for first, _ in times(binding, observations))


def earliest_end(binding, observations):
    return min(last for _, last in times(binding, observations))


# --- one [ ] on one observation: it holds on one of the objects that object_refs names


def observed(comparison, observation):
    objects = {o["id"]: o for o in observation["objects"]}
    return any(holds(comparison, objects[ref], objects) for ref in observation["object_refs"] if ref in objects)


def holds(node, root, objects):
    if node[0] == "any":
        return holds(node[1], root, objects) or holds(node[2], root, objects)
    if node[0] == "all":
        return holds(node[1], root, objects) and holds(node[2], root, objects)
    _, (kind, steps), operator, negated, literal = node
    values = reached(root, steps, None, objects) if root["type"] == kind else []
    if operator == "EXISTS":
        return bool(values) != negated if root["type"] == kind else False
    name = [step[1] for step in steps if step[0] == "key"][-1]
    return any(compare(decoded(value, name), operator, negated, literal) for value in values)


def reached(value, steps, came_by, objects):
    """Every value that a path leads to from here (§9.7). came_by is the last key stepped through."""
    if not steps:
        return [value]
    step, rest = steps[0], steps[1:]
    if step[0] == "key":
        if isinstance(value, str) and came_by is not None and came_by.endswith(("_ref", "_refs")):
            value = objects.get(value)
        if not isinstance(value, dict) or step[1] not in value:
            return []
        return reached(value[step[1]], rest, step[1], objects)
    if not isinstance(value, list):
        return []
    if step[0] == "index":
        return reached(value[step[1]], rest, came_by, objects) if 0 <= step[1] < len(value) else []
    return [found for element in value for found in reached(element, rest, came_by, objects)]


# --- one value


class Undecodable:
    """A string of a _hex or _bin property that holds no bytes."""


def decoded(value, name):
    """The values of properties that end in _hex and _bin are bytes (§2.2, §2.6)."""
    if not isinstance(value, str):
        return value
    try:
        if name.endswith("_hex"):
            return bytes.fromhex(value) if re.fullmatch("[0-9a-fA-F]*", value) else Undecodable()
        if name.endswith("_bin"):
            return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return Undecodable()
    return value


def narrow(text):
    """Text as bytes, a character each; None where one does not fit."""
    return text.encode("latin-1") if all(ord(c) < 256 for c in text) else None


def pair(value, literal):
    """Both sides in one type, or None: they cannot be compared."""
    kind, constant = literal
    if isinstance(value, bool):
        return (value, constant) if kind == "boolean" else None
    if isinstance(value, (int, Decimal)):
        return (Decimal(value), constant) if kind == "number" else None
    if isinstance(value, str):
        if kind == "string":
            return value, constant
        if kind == "bytes":
            return None if narrow(value) is None else (narrow(value), constant)
        if kind == "time" and constant is not None:
            return None if instant(value) is None else (instant(value), constant)
    if isinstance(value, bytes):
        if kind == "bytes":
            return value, constant
        if kind == "string":
            return None if narrow(constant) is None else (value, narrow(constant))
    return None


ORDER = {"<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b}


def compare(value, operator, negated, literal):
    if operator in ORDER:
        sides = pair(value, literal)
        return sides is not None and ORDER[operator](*sides) != negated
    if operator == "IN":
        result = any(equal(value, each) for each in literal)
    elif operator in ("=", "!="):
        result = equal(value, literal) == (operator == "=")
    elif operator == "LIKE":
        result = searched(value, like(unicodedata.normalize("NFC", literal[1])), True)
    elif operator == "MATCHES":
        result = searched(value, unicodedata.normalize("NFC", literal[1]), False)
    else:
        result = subset(value, literal[1]) if operator == "ISSUBSET" else subset(literal[1], value)
    return result != negated


def equal(value, literal):
    sides = pair(value, literal)
    return sides is not None and sides[0] == sides[1]


def like(text):
    return "(?s:" + "".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in text) + r")\Z"


def searched(value, expression, anchored):
    if isinstance(value, bytes):
        expression = narrow(expression)
    elif isinstance(value, str):
        value = unicodedata.normalize("NFC", value)
    else:
        return False
    return expression is not None and (re.match if anchored else re.search)(expression, value) is not None


NETWORK = re.compile(r"[0-9a-fA-F.:]+(/\d{1,3})?")


def network(text):
    try:
        return ipaddress.ip_network(text, strict=False) if isinstance(text, str) and NETWORK.fullmatch(text) else None
    except ValueError:
        return None


def subset(inner, outer):
    inner, outer = network(inner), network(outer)
    return inner is not None and outer is not None and inner.version == outer.version and inner.subnet_of(outer)
