#!/usr/bin/env python3
"""What the engine decides, against an oracle written from docs/agreements.md alone.

    policy_test.py [--cases N] [--seed N]
"""

import argparse
import collections
import hashlib
import json
import os
import subprocess
import sys

import generate
import oracle

CASES, SHOWN = 6000, 10


def say(process, world):
    sent = {k: v for k, v in world.items() if k not in ("agreement_dicts", "policies")}
    sent["agreements"] = [generate.yaml_file(g) for g in world["agreement_dicts"]]
    for g, text in zip(world["agreement_dicts"], sent["agreements"]):
        g["hash"] = hashlib.sha256(text.encode()).hexdigest()
    sent["national"] = [generate.yaml_file(p) for p in world["policies"]]
    process.stdin.write(json.dumps(sent).encode() + b"\n")
    process.stdin.flush()
    answers = []
    for _ in world["questions"]:
        answers.append(json.loads(process.stdout.readline()))
        if "trouble" in answers[-1]:
            raise AssertionError((answers[-1], sent["agreements"], sent["national"]))
    return answers


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--cases", type=int, default=CASES)
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()
    process = subprocess.Popen([os.environ["RENKEI_POLICY_ANSWER"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    seed, cases, absent, differ = options.seed, 0, 0, 0
    outcomes = collections.Counter()
    while cases < options.cases:
        world = generate.World(seed).make()
        answers = say(process, world)
        asked = oracle.Oracle(world, {q["object"] for q, a in zip(world["questions"], answers) if not a.get("counts", True)})
        # What was not taken in is not held: the oracle must not know of it either.
        gone = {q["object"] for q, a in zip(world["questions"], answers) if "absent" in a}
        for id in gone:
            asked.held.pop(id, None)
            asked.markings.pop(id, None)
        for q, a in zip(world["questions"], answers):
            if q["object"] in gone:
                absent += 1
                continue
            g = world["agreement_dicts"][q["agreement"]]
            expected = asked.decide(q["object"], g, q["to"], oracle.when(q["now"]))
            cases += 1
            outcomes[a["outcome"], a["reason"]] += 1
            a.pop("counts")
            if a != expected:
                differ += 1
                if differ <= SHOWN:
                    print(f"seed {seed}: {json.dumps(q)}\n  engine {json.dumps(a)}\n  oracle {json.dumps(expected)}\n  {json.dumps(asked.o)}\n"
                          f"  {json.dumps({k: v for k, v in asked.item.items() if k != 'objects'})}")
        seed += 1
    process.stdin.close()
    process.wait()
    for (outcome, reason), n in sorted(outcomes.items()):
        print(f"{n:9} {outcome} {reason}")
    print(f"{cases} decisions in {seed - options.seed} worlds, {absent} of objects not taken in; {differ} differ")
    return differ > 0 or len(outcomes) < 20


if __name__ == "__main__":
    sys.exit(main())
