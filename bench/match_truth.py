"""What is true of generated telemetry, worked out line by line the slow way.

    match_truth.py expect INDICATORS TELEMETRY         the numbers of the lines that match, one a line
    match_truth.py compare TRUTH LINES                 how many lines were told, how many of them falsely, how many missed
    match_truth.py oasis INDICATORS TELEMETRY N LINES  OASIS's matcher with N of the patterns on the first LINES lines
"""
import json
import re
import sys
import time

SIMPLE = re.compile(r"\[(domain-name|ipv4-addr|url|file):(?:value|hashes\.'SHA-256') = '([^']*)'\]$")
ENDPOINT = re.compile(r"\[network-traffic:dst_ref\.value = '([^']*)' AND network-traffic:dst_port = (\d+)\]$")


def key_of(pattern):
    """The fact a pattern of match_generate asks for."""
    m = SIMPLE.match(pattern)
    if m:
        return m.groups()
    m = ENDPOINT.match(pattern)
    return ("endpoint", m.group(1), int(m.group(2)))


def facts_of(line):
    """All facts of one line, in the words of key_of()."""
    r = json.loads(line)
    facts = []
    for name in ("id.orig_h", "id.resp_h"):
        if name in r:
            facts.append(("ipv4-addr", r[name]))
    for name in ("tx_hosts", "rx_hosts", "answers"):
        facts += [("ipv4-addr", v) for v in r.get(name, [])]
    if "id.resp_h" in r:
        facts.append(("endpoint", r["id.resp_h"], r["id.resp_p"]))
    for name in ("query", "host"):
        if name in r:
            facts.append(("domain-name", r[name]))
    if "uri" in r:
        port = "" if r["id.resp_p"] == 80 else ":%d" % r["id.resp_p"]
        facts.append(("url", "http://" + r["host"] + port + r["uri"]))
    if "sha256" in r:
        facts.append(("file", r["sha256"]))
    return facts


def patterns(path):
    with open(path, encoding="utf-8") as f:
        for line in f:
            yield line.split("\t")[1]


def expect(indicators, telemetry):
    wanted = {key_of(p) for p in patterns(indicators)}
    with open(telemetry, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if any(fact in wanted for fact in facts_of(line)):
                print(number)


def compare(truth, lines):
    with open(truth, encoding="utf-8") as t, open(lines, encoding="utf-8") as f:
        true, told = {int(x) for x in t}, {int(x) for x in f}
    print("%d told, %d false, %d missed of %d" % (len(told), len(told - true), len(true - told), len(true)))


def observed(line):
    """One line as observed-data of STIX 2.0, which OASIS's matcher reads."""
    objects = {}
    for fact in facts_of(line):
        n = str(len(objects))
        if fact[0] == "file":
            objects[n] = {"type": "file", "hashes": {"SHA-256": fact[1]}}
        elif fact[0] == "endpoint":
            objects[n] = {"type": "ipv4-addr", "value": fact[1]}
            objects[str(len(objects))] = {"type": "network-traffic", "dst_ref": n, "dst_port": fact[2], "protocols": ["tcp"]}
        else:
            objects[n] = {"type": fact[0], "value": fact[1]}
    when = "2023-11-14T22:13:20Z"
    return {"type": "observed-data", "id": "observed-data--00000000-0000-4000-8000-000000000000", "created": when,
            "modified": when, "first_observed": when, "last_observed": when, "number_observed": 1, "objects": objects}


def oasis(indicators, telemetry, count, lines):
    from stix2matcher.matcher import Pattern
    with open(telemetry, encoding="utf-8") as f:
        part = [next(f) for _ in range(lines)]
    facts = [fact for line in part for fact in facts_of(line)]
    texts = [p for p, _ in zip(patterns(indicators), range(count))]
    # one that is there, so that the matcher is seen to find something
    texts[-1] = "[domain-name:value = '%s']" % next(v[1] for v in facts if v[0] == "domain-name")
    start = time.monotonic()
    compiled = [Pattern(t) for t in texts]
    compile_seconds = time.monotonic() - start
    bundles = [[observed(line)] for line in part]
    start = time.monotonic()
    told = sum(any([p.match(b, False) for p in compiled]) for b in bundles)
    seconds = time.monotonic() - start
    wanted = {key_of(t) for t in texts}
    true = sum(any(fact in wanted for fact in facts_of(line)) for line in part)
    size = sum(map(len, part))
    print("OASIS's matcher %7.3f s %8.6f GB/s  %d patterns only, %d lines: %.0f lines/s, compiled in %.3f s; %d told, %d true"
          % (seconds, size / 1e9 / seconds, count, lines, lines / seconds, compile_seconds, told, true))


if __name__ == "__main__":
    if sys.argv[1] == "oasis":
        oasis(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    else:
        {"expect": expect, "compare": compare}[sys.argv[1]](*sys.argv[2:])
