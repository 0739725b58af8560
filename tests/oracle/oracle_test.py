#!/usr/bin/env python3
"""The oracle of the pattern language against everything else that reads patterns.

    oracle_test.py                                 what ./run test runs, in seconds
    oracle_test.py --pairs 100000 [--seed N]       the same with more random pairs
    oracle_test.py --with reference …              OASIS's matcher instead of ours
"""
import argparse
import json
import os
import random
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import evaluate  # noqa: E402
import language  # noqa: E402
import reference  # noqa: E402
from generate import World  # noqa: E402

SKIPPED = 77
CASES = "patterns/oasis-pattern-cases.json"
# The reference raises on these; §9 gives each an answer. §9.6.1: what cannot be compared is unequal and has no order.
RAISES = {"[test:string > t'1965-07-19T22:41:38Z']", "[test:string IN (1, true)]", "[test:string IN (1, 2.2, true)]",
          "[test:string IN (1.1, 2.2, true)]", "[event:bad_ts[2] = t'1996-07-11T09:17:10Z']",
          "[event:bad_ts[3] = t'1996-07-11T09:17:10Z']"}


# What pattern_check() refuses and the grammar admits: the oracle has an answer all the same.
CHECKED = ("refused: STOP must be later", "refused: the same qualifier twice", "refused: ISSUBSET and ISSUPERSET")


def exact(text):
    return json.loads(text, parse_float=Decimal)


def expected(pattern, observations):
    """The oracle's bindings; None where there are too many to enumerate."""
    try:
        return evaluate.matches(pattern, exact(json.dumps(observations)))
    except evaluate.TooMany:
        return None


# --- OASIS's own cases


def oasis_cases():
    shared = os.environ.get("RENKEI_SHARED_DATA") or HERE.parents[2] / "shared/data"
    path = Path(shared) / CASES
    if not path.exists():
        print(f"skipped: OASIS's cases are not at {path}")
        return 0
    data, wrong = exact(path.read_text()), 0
    for case in data["cases"]:
        observations = [dict(o, objects=list(o["objects"].values()), object_refs=list(o["objects"]))
                        for o in data["observation_sets"][case["observations"]]["observations"]]
        try:
            bound = evaluate.matches(case["pattern"], observations)
            got = "match" if bound else "nomatch"
        except language.Refused:
            bound, got = set(), "parse-error"
        wanted = case["expected"]
        if wanted == "match-error":  # WITHIN 0 it refuses while it matches, we before
            wanted = "nomatch" if case["pattern"] in RAISES else "parse-error"
        first = case.get("first_binding")
        if got != wanted or (got == "match" and first is not None and tuple(first) not in bound):
            print(f"OASIS's case: {case['pattern']}\n  is {wanted} {first}, the oracle says {got} {sorted(bound)}")
            wrong += 1
    print(f"OASIS's cases: {len(data['cases'])}, {wrong} wrong")
    return wrong


# --- who is compared with the oracle: from pairs to "match" with a binding or None, "no match", or None (no answer)


class Engine:
    """answer.c over src/pattern/evaluate.h, one process for all pairs."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(self, pattern, observations):
        self.process.stdin.write(json.dumps({"pattern": pattern, "observations": observations}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline().rstrip("\n")
        if not line:
            raise SystemExit(f"the program ended ({self.process.wait()}) on\n  {pattern}\n  {json.dumps(observations)}")
        return line

    def agrees(self, pattern, observations, bound):
        said = self.say(pattern, observations)
        if said.startswith("match"):
            binding = tuple(int(n) for n in said.split()[1:])
            return binding in bound, said
        if said.startswith(CHECKED):
            return None, said
        return said == "no match" and not bound, said


class Reference:
    def agrees(self, pattern, observations, bound):
        if reference.known(pattern, observations):
            return None, "left aside"
        said = reference.matches(pattern, observations)
        if said is None:
            return None, "gave up"
        return said == bool(bound), "match" if said else "no match"


# --- a failing pair made small


def smaller_patterns(pattern):
    """Patterns with a part less. Cut by text; those that are none are dropped by the parser."""
    words = pattern.split(" ")
    for length in range(len(words) - 1, 0, -1):
        for at in range(len(words) - length + 1):
            yield " ".join(words[:at] + words[at + length:])
    for at, sign in enumerate(pattern):
        if sign in "([":
            depth = 0
            for end in range(at, len(pattern)):
                depth += (pattern[end] in "([") - (pattern[end] in ")]")
                if depth == 0:
                    yield pattern[at:end + 1]
                    yield pattern[:at] + pattern[at + 1:end] + pattern[end + 1:]
                    break


def smaller_observations(observations):
    for at in range(len(observations)):
        if len(observations) > 1:
            yield observations[:at] + observations[at + 1:]
        o = observations[at]
        for number in range(len(o["objects"])):
            if len(o["objects"]) > 1:
                yield observations[:at] + [dict(o, objects=o["objects"][:number] + o["objects"][number + 1:])] + observations[at + 1:]
            for name in o["objects"][number]:
                if name not in ("id", "type"):
                    less = {k: v for k, v in o["objects"][number].items() if k != name}
                    yield observations[:at] + [dict(o, objects=o["objects"][:number] + [less] + o["objects"][number + 1:])] + observations[at + 1:]


def shrink(other, pattern, observations):
    def disagrees(pattern, observations):
        try:
            bound = expected(pattern, observations)
            return bound is not None and other.agrees(pattern, observations, bound)[0] is False
        except (language.Refused, RecursionError):
            return False

    again = True
    while again:
        again = False
        for less in smaller_patterns(pattern):
            if len(less) < len(pattern) and disagrees(less, observations):
                pattern, again = less, True
                break
        for less in smaller_observations(observations):
            if disagrees(pattern, less):
                observations, again = less, True
                break
    return pattern, observations


def random_pairs(other, name, count, seed, stop_after):
    differ = matched = unanswered = explosive = 0
    for number in range(count):
        world = World(random.Random(f"{seed}/{number}"), isinstance(other, Reference))
        observations = world.observations()
        pattern = world.pattern()
        bound = expected(pattern, observations)
        if bound is None:
            explosive += 1
            continue
        matched += bool(bound)
        agrees, said = other.agrees(pattern, observations, bound)
        unanswered += agrees is None
        if agrees is False:  # made small, unless what is left is another difference
            differ += 1
            pattern, observations = shrink(other, pattern, observations)
            bound = expected(pattern, observations)
            print(f"seed {seed} pair {number}: {name} says {other.agrees(pattern, observations, bound)[1]},"
                  f" the oracle {sorted(bound) or 'no match'}\n  {pattern}\n  {json.dumps(observations)}")
            if differ == stop_after:
                break
    print(f"{name}: {count} random pairs, seed {seed}: {matched} match, {unanswered} left aside, {explosive} too"
          f" explosive to enumerate, {differ} differ")
    return differ


# --- cases by hand


def hand_cases(other=None):
    """hand_cases.txt: a pattern, what it is, observations; each checked by the oracle and, if given, the engine."""
    wrong = count = 0
    observations = None
    for at, line in enumerate((HERE / "hand_cases.txt").read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "observations":
            observations = json.loads(rest)
            continue
        if word not in ("match", "no-match", "refused"):
            raise SystemExit(f"hand_cases.txt:{at}: {word} is no verdict")
        count += 1
        try:
            bound = expected(rest, observations)
            got = "match" if bound else "no-match"
        except language.Refused:
            bound, got = set(), "refused"
        said = other.say(rest, observations) if other else None
        if got != word:
            wrong += 1
            print(f"hand_cases.txt:{at}: the oracle says {got}: {rest}")
        if said is not None:
            agrees = said.startswith("refused") if word == "refused" else (said == "no match") == (word == "no-match") \
                and not said.startswith(("refused", "trouble"))
            if not agrees:
                wrong += 1
                print(f"hand_cases.txt:{at}: the engine says {said}: {rest}")
    print(f"cases by hand: {count}, {wrong} wrong")
    return wrong


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--pairs", type=int, default=4000, help="random pairs (default 4000)")
    flags.add_argument("--seed", type=int, default=20260)
    flags.add_argument("--with", dest="other", choices=["engine", "reference", "both"], default="both")
    flags.add_argument("--stop-after", type=int, default=5, help="differences shown")
    flags.add_argument("--answer", help="the program made of answer.c", default=os.environ.get("RENKEI_PATTERN_ANSWER"))
    args = flags.parse_args()
    engine = Engine(args.answer) if args.answer and args.other != "reference" else None
    wrong = oasis_cases() + hand_cases(engine)
    if engine:
        wrong += random_pairs(engine, "engine", args.pairs, args.seed, args.stop_after)
    elif args.other != "reference":
        print("skipped: no program to compare with (--answer)")
    if args.other != "engine":
        if reference.available():
            # it takes milliseconds a pair
            wrong += random_pairs(Reference(), "OASIS's matcher", args.pairs if args.other == "reference" else args.pairs // 8,
                                  args.seed, args.stop_after)
        else:
            print("skipped: OASIS's matcher (pip install stix2-matcher) is not here")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
