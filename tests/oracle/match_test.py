#!/usr/bin/env python3
"""match against the oracle: random telemetry of every format, random patterns over what is in it.

    renkei observe FILE   ──> observations ──> evaluate.py: which patterns hold on which lines
    renkei match FILE     ──> alerts ─────────────────────> the same patterns on the same lines

    match_test.py                              what ./run test runs, in seconds
    match_test.py --pairs 100000 [--seed N]    the same with more

A pair is a pattern and a line; of a pattern of several observations, the pattern and the file. Every second file has its
values, and its patterns theirs, in whatever spelling (upper case, trailing dots, Unicode, mapped addresses): the oracle then
sees both in the one spelling of spelling.py. In the others values are such that this changes nothing, and OASIS's matcher is
asked as well. Names that are asked for in a flow, which match adds as dst_ref, are tested in tests/detect.
"""
import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import evaluate  # noqa: E402
import language  # noqa: E402
import reference  # noqa: E402
import spelling  # noqa: E402
import telemetry  # noqa: E402
from oracle_test import exact  # noqa: E402

PROGRAM = os.environ.get("RENKEI_PROGRAM", str(HERE.parents[1] / "build/renkei"))
SECONDS = 300
INDICATOR = "indicator--00000000-0000-4000-8000-{:012}"


# --- what observe makes of a file


def closure(id, known, into):
    """The object and what its references lead to."""
    if id in into or id not in known:
        return
    into[id] = known[id]
    stack = [known[id]]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack += value.values()
        elif isinstance(value, list):
            stack += value
        elif isinstance(value, str) and value in known:
            closure(value, known, into)


def given(thing):
    """Of STIX as it stands: a bundle with the observed-data first, or that of 2.0, which holds its objects."""
    if thing["type"] == "bundle":
        seen, *objects = thing["objects"]
        return dict(seen, objects=objects)
    return dict(thing, object_refs=list(thing["objects"]), objects=[dict(o, id=id) for id, o in thing["objects"].items()])


def observations_of(lines, how, folder):
    """The lines that are observations, and these. An object is written once: two lines that make other objects of one id
    cannot be told apart in what observe writes, so the later is left out."""
    while True:
        path = folder / f"telemetry.{how.get('suffix', 'log')}"
        path.write_text(how.get("head", "") + "".join(line + "\n" for line in lines), encoding="utf-8")
        if how.get("stix"):  # is observed-data already
            return path, [given(exact(line)) for line in lines]
        done = subprocess.run([PROGRAM, "observe", path, *how.get("flags", [])], capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode != 0 or ", 0 not read" not in done.stderr:
            raise SystemExit(f"observe failed: {done.stderr}\n{path.read_text()[:2000]}")
        known, clash, observations = {}, None, []
        for text in done.stdout.splitlines():
            o = exact(text)
            if o["type"] == "observed-data":
                objects = {}
                for id in o["object_refs"]:
                    closure(id, known, objects)
                observations.append(dict(o, objects=list(objects.values())))
            elif known.setdefault(o["id"], o) != o:
                clash = len(observations)
                break
        if clash is None:
            if len(observations) != len(lines):
                raise SystemExit(f"observe: {len(observations)} observations of {len(lines)} lines\n{path.read_text()[:2000]}")
            if how.get("again"):
                path = folder / "observed.json"
                path.write_text(done.stdout, encoding="utf-8")
            return path, observations
        lines = lines[:clash] + lines[clash + 1:]


# --- random patterns over them


def quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def key(name):
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else quote(name)


class Patterns:
    def __init__(self, dice, observations, how):
        self.dice, self.leave, self.respelt = dice, how.get("leave", ()), how["respelt"]
        self.times = [o["first_observed"] for o in observations]
        self.roots = []  # (type, [(path, value)…]) of every root object
        for o in observations:
            by_id = {each["id"]: each for each in o["objects"]}
            for id in o["object_refs"]:
                places = list(self.places(by_id[id], by_id, "", 0))
                places = [(p, v) for p, v in places if not any(p.startswith(no) for no in self.leave)]
                if places:
                    self.roots.append((by_id[id]["type"], places))

    def places(self, value, objects, path, depth):
        for name, inside in value.items():
            if name in ("id", "type", "spec_version"):  # match makes ids of its own
                continue
            yield from self.place(inside, objects, f"{path}.{key(name)}" if path else key(name), name, depth)

    def place(self, inside, objects, path, name, depth):
        if isinstance(inside, dict):
            yield from self.places(inside, objects, path, depth)
        elif isinstance(inside, list):
            for at, each in enumerate(inside):
                yield from self.place(each, objects, path + self.dice.choice(["[*]", f"[{at}]"]), name, depth)
        elif name.endswith(("_ref", "_refs")) and inside in objects:
            if depth < 2:
                yield from self.places(objects[inside], objects, path, depth + 1)
        elif inside != "":  # match refuses = '': nothing could be looked up
            yield path, inside

    def text(self, type, path, value):
        dice, compare = self.dice, self.dice.random()
        if self.respelt:
            value = dice.choice([value, value, spelling.one(type, path.rsplit(".", 1)[-1], value), value.upper() if path.endswith("value") and "@" not in value and "/" not in value else value])
        if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", value) and compare < .4:
            size = dice.choice([8, 16, 24, 30, 32])
            return f"{dice.choice(['ISSUBSET', 'ISSUBSET', 'ISSUPERSET'])} '{value}/{size}'"
        if re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", value) and compare < .5:
            return f"{dice.choice(['=', '!=', '<', '<=', '>', '>='])} t'{value}'"
        start = dice.randrange(len(value) + 1)
        part = value[start:start + dice.randrange(1, 9)]
        if compare < .45:
            return f"{dice.choice(['=', '=', '=', '!=', '<', '>='])} {quote(value)}"
        if compare < .55:
            others = [v for t, places in self.roots for p, v in places if (t, p) == (type, path) and isinstance(v, str)]
            return f"IN ({', '.join(map(quote, dice.sample([value, dice.choice(others), value + 'x'], 3)))})"
        if compare < .8:
            like = dice.choice([f"%{part}%", f"{part}%", f"%{part}", value[:-1] + "_", value.replace(part, "%", 1) if part else "%"])
            return f"LIKE {quote(like)}"
        if not part.isascii():
            part = "a"
        return f"MATCHES {quote(dice.choice(['', '^', '(?i)']) + re.escape(part) + dice.choice(['', '$', '.*', '|zzz']))}"

    def test(self, type, places):
        path, value = self.dice.choice(places)
        if self.dice.random() < .05:
            return f"{self.dice.choice(['', 'NOT '])}EXISTS {type}:{path}"
        if isinstance(value, bool):
            operand = f"{self.dice.choice(['=', '!='])} {str(value).lower()}"
        elif isinstance(value, str):
            operand = self.text(type, path, value)
        else:
            value = value + self.dice.choice([0, 0, 0, 1, -1])
            operand = f"{self.dice.choice(['=', '=', '!=', '<', '<=', '>', '>='])} {value}"
        return f"{type}:{path} {'NOT ' if self.dice.random() < .06 else ''}{operand}"

    def observation(self):
        type, places = self.dice.choice(self.roots)
        tests = [self.test(type, places) for _ in range(self.dice.choice([1, 1, 1, 2, 2, 3]))]
        inside = tests[0]
        for each in tests[1:]:
            inside = f"({inside}) {self.dice.choice(['AND', 'AND', 'OR'])} {each}"
        return f"[{inside}]"

    def pattern(self):
        dice = self.dice
        if dice.random() < .75:
            return self.observation()
        parts = [self.observation() for _ in range(dice.choice([1, 2, 2, 2, 3]))]
        for at, part in enumerate(parts):
            if len(parts) == 1 or dice.random() < .15:
                parts[at] = f"{part} REPEATS {dice.choice([2, 2, 3, 5])} TIMES"
        whole = parts[0]
        for part in parts[1:]:
            whole = f"({whole} {dice.choice(['AND', 'FOLLOWEDBY', 'FOLLOWEDBY', 'OR'])} {part})"
            if dice.random() < .5:
                whole = f"({whole} WITHIN {dice.choice([1, 5, 60, 600, 0.5])} SECONDS)"
        if dice.random() < .15:
            start, stop = sorted(dice.sample(self.times, 2))
            whole = f"({whole}) START t'{start}' STOP t'{stop}'" if start < stop else whole
        return whole


# --- match


def alerts_of(patterns, path, how, folder):
    """By pattern: the lines with an alert."""
    home = folder / "home"
    run = lambda *args: subprocess.run([PROGRAM, "--home", home, *args], capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: E731
    if run("init", "--party", "JP-MOD", "--name", "Japan", "--url", "https://127.0.0.1:1").returncode:
        raise SystemExit("no node")
    objects = [{"type": "indicator", "spec_version": "2.1", "id": INDICATOR.format(n), "created": "2024-01-01T00:00:00.000Z",
                "modified": "2024-01-01T00:00:00.000Z", "pattern": p, "pattern_type": "stix", "valid_from": "2024-01-01T00:00:00Z"}
               for n, p in enumerate(patterns)]
    bundle = folder / "bundle.json"
    bundle.write_text(json.dumps({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": objects}))
    done = run("import", bundle)
    if done.returncode:
        raise SystemExit(done.stderr)
    done = run("match", "--time", "any", "--format", "eve", "--no-sightings", "--late", "2h", "--threads", how["threads"], path, *how.get("flags", []))
    if done.returncode > 1 or "cannot be evaluated" in done.stderr or "given up" in done.stderr:
        raise SystemExit(f"match: {done.stderr}")
    alerts = [set() for _ in patterns]
    for text in done.stdout.splitlines():
        alert = json.loads(text)["renkei"]
        alerts[int(alert["indicator"][-12:])].add(alert["line"] - how.get("head", "").count("\n"))
    return alerts


def expected(tree, observations):
    """The lines, from 1; for a pattern of several observations whether there is a binding; None: too many to enumerate."""
    try:
        if tree[0] != "observe":
            return bool(evaluate.bindings(tree, observations))
        return {at for at, o in enumerate(observations, 1) if evaluate.bindings(tree, [o])}
    except evaluate.TooMany:
        return None


class Oasis:
    """The third voice, on a part of the pairs, for it takes milliseconds each: who differs, and why."""

    def __init__(self, one_of):
        self.one_of, self.aside, self.asked, self.differ = one_of, {}, 0, 0

    def ask(self, dice, pattern, observations, wanted):
        if dice.randrange(self.one_of):
            return
        plain = json.loads(json.dumps(observations, default=float))
        why = reference.known(pattern, plain)
        if why is None:
            said = reference.matches(pattern, plain)
            why = "it gave up" if said is None else None
        if why:
            self.aside[why] = self.aside.get(why, 0) + 1
            return
        self.asked += 1
        if said != bool(wanted):
            self.differ += 1
            print(f"OASIS's matcher says {said}, the oracle {wanted}\n  {pattern}\n  {json.dumps(plain)[:3000]}")

    def tell(self):
        if not self.one_of:
            print("skipped: OASIS's matcher (pip install stix2-matcher) is not here")
        else:
            print(f"OASIS's matcher: asked for {self.asked} patterns on their file, {self.differ} differ; left aside:")
            for why, count in sorted(self.aside.items(), key=lambda each: -each[1]):
                print(f"  {count:6} {why}")


def one_file(dice, name, how, lines_wanted, patterns_wanted, folder, oasis):
    lines = [how["line"](dice) for _ in range(lines_wanted)]
    if how["respelt"]:
        lines = [telemetry.respelt(dice, line) for line in lines]
    if "mapping" in how:
        (folder / "mapping.yaml").write_text(how["mapping"], encoding="utf-8")
        how["flags"] = ["--mapping", folder / "mapping.yaml"]
    path, observations = observations_of(lines, how, folder)
    maker = Patterns(dice, observations, how)
    # What the grammar admits and check refuses (a text that is no hash) match refuses, too.
    patterns = [maker.pattern() for _ in range(patterns_wanted * 2)]
    checked = subprocess.run([PROGRAM, "pattern", "check", "-"], input="\n".join(patterns), capture_output=True, text=True, timeout=SECONDS, check=False)
    patterns = [p for p, said in zip(patterns, checked.stdout.splitlines()) if said == "ok"][:patterns_wanted]
    if len(patterns) < patterns_wanted:
        raise SystemExit(f"check refuses too many patterns: {checked.stdout[:2000]}")
    alerts = alerts_of(patterns, path, how, folder)
    pairs = matched = left = differ = 0
    literal = observations
    if how["respelt"]:
        observations = [spelling.observation(o) for o in observations]
    for pattern, lines in zip(patterns, alerts):
        tree = language.parse(pattern)
        alone = tree[0] == "observe"
        wanted = expected(spelling.pattern(tree) if how["respelt"] else tree, observations)
        if wanted is None:
            left += 1
            continue
        if oasis.one_of and not how["respelt"] and name != "stix 2.0":
            oasis.ask(dice, pattern, literal, wanted)
        pairs += len(observations) if alone else 1
        got = lines if alone else bool(lines)
        matched += len(wanted) if alone else wanted
        if got != wanted:
            differ += 1
            print(f"{name}: match says {sorted(got) if alone else got}, the oracle {sorted(wanted) if alone else wanted}\n  {pattern}")
            for at in sorted(got ^ wanted)[:1] if alone else []:
                print(f"  {path.read_text().splitlines()[at - 1 + how.get('head', '').count(chr(10))]}\n  {json.dumps(observations[at - 1]['objects'], default=str)}")
    return pairs, matched, left, differ


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--pairs", type=int, default=5000, help="pairs of a pattern and a line (default 5000)")
    flags.add_argument("--seed", type=int, default=20260)
    flags.add_argument("--format", help="this one alone")
    flags.add_argument("--respelt", action="store_true", help="every file in whatever spelling")
    flags.add_argument("--plain", action="store_true", help="none")
    args = flags.parse_args()
    totals, rounds = [0, 0, 0, 0], 0
    oasis = Oasis((4 if args.pairs < 10000 else 10) if reference.available() else 0)
    while totals[0] < args.pairs and totals[3] < 5:
        for name, how in telemetry.FORMATS.items():
            if args.format and name != args.format:
                continue
            dice = random.Random(f"{args.seed}/{rounds}/{name}")
            how = dict(how, threads=dice.choice(["1", "2"]), respelt=args.respelt or (not args.plain and dice.random() < .5))
            with tempfile.TemporaryDirectory(prefix="renkei-oracle-") as folder:
                one = one_file(dice, name, how, 16, 12 if args.pairs < 10000 else 120, Path(folder), oasis)
            totals = [a + b for a, b in zip(totals, one)]
            if totals[3] >= 5:
                break
        rounds += 1
    print(f"match: {totals[0]} pairs of a pattern and a line in {len(telemetry.FORMATS)} formats, seed {args.seed}: {totals[1]} match, "
          f"{totals[2]} patterns too explosive to enumerate, {totals[3]} differ")
    oasis.tell()
    return 1 if totals[3] or oasis.differ or not totals[1] else 0


if __name__ == "__main__":
    sys.exit(main())
