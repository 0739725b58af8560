"""OASIS's matcher (PyPI stix2-matcher) on the same pairs, where it can be held to §9.

KNOWN lists what is left aside.
"""
import contextlib
import io
import json
import re

# What the reference does otherwise than §9 or than its own grammar: a pattern or observations that touch it are
# left aside. (expression on the pattern, on the observations as JSON or None; why)
KNOWN = [
    (r"\bEXISTS\b", None, "EXISTS (§9.6.1) is in its grammar and not in its evaluator"),
    (r"ISSU[BP]", r'"[0-9A-Fa-f]*:[0-9A-Fa-f]*:', "it knows no IPv6 networks"),
    (r"ISSU[BP]\w+ '[^']*:", None, "likewise in the pattern"),
    (r"/0'", None, "0.0.0.0/0 divides by nothing"),
    (r"ISSU[BP]", r"/0\"", "likewise in the data"),
    (r"\bIN \((true|false|[-+.\d])", r"true|false", "for IN, false is 0 and true is 1 (§9.6.1: types that differ are unequal)"),
    (r"\bIN \([hb]'", None, "= takes text for bytes and IN does not (§9.6.1: IN is = with one of the set)"),
    (r"_refs?(\[[^]]*\])?'? (NOT |[=!<>LIM])", None, "a reference at the end of a path is an identifier (§2.9); it looks for"
     " the object and compares that"),
    (r"\bLIKE\b", r"\\n", "% and _ stop at a line break (§9.6.1: any characters, any character)"),
]


def known(pattern, observations):
    if "_ref" in pattern and leads_outside(observations):
        return "it follows references only to objects of object_refs, and counts [n] without the others"
    text = json.dumps(observations)
    return next((why for expression, data, why in KNOWN
                 if re.search(expression, pattern) and (data is None or re.search(data, text))), None)


def leads_outside(observations):
    """Whether a reference leads to no object of its observed-data's own object_refs (§4.14 asks for no such thing)."""
    for observation in observations:
        for thing in observation["objects"]:
            for name, value in thing.items():
                refs = value if name.endswith("_refs") else [value] if name.endswith("_ref") else []
                if any(ref not in observation["object_refs"] for ref in refs):
                    return True
    return False


def available():
    try:
        import stix2matcher.matcher  # noqa: F401
    except ImportError:
        return False
    return True


def bundle(observation, number):
    head = {k: v for k, v in observation.items() if k != "objects"}
    head.update(type="observed-data", id=f"observed-data--{number}", spec_version="2.1")
    return {"type": "bundle", "id": f"bundle--{number}", "objects": [head] + observation["objects"]}


def matches(pattern, observations):
    """True or False; None when the reference gives up."""
    from stix2matcher.matcher import match
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return bool(match(pattern, [bundle(o, n) for n, o in enumerate(observations)], stix_version="2.1"))
    except Exception:  # it raises whatever its libraries raise
        return None
