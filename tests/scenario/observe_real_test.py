"""Real lines of real sensors, and the observed-data that reading them by hand comes to (observe_real_cases.txt): a line of
each log of Zeek and of each kind of Suricata's EVE there is in the public data. What observe makes of the first lines of
every file is STIX 2.1 to OASIS's own Python library as well.

    observe_real_test.py --show    what is made now, to be checked by hand before it is kept
"""

import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import taxii_nodes

SKIPPED = 77
HERE = pathlib.Path(__file__).resolve().parent
DATA = pathlib.Path(os.environ.get("RENKEI_SHARED_DATA") or HERE.parents[2] / "shared/data") / "telemetry"
LINES_PARSED = 150  # of each file: stix2 takes a millisecond an object


def lines_of(name):
    opened = gzip.open if name.endswith(".gz") else open
    with opened(DATA / name, "rt", encoding="utf-8") as f:
        return f.read().splitlines()


def observe(lines, folder):
    path = folder / "real.log"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run([taxii_nodes.PROGRAM, "observe", path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and ", 0 not read" in done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def cases():
    """(name, number, [object…]): the file, the line from 1, and what it comes to."""
    found = []
    for line in (HERE / "observe_real_cases.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            name, number = line[3:].split()
            found.append((name, int(number), []))
        elif line.strip() and not line.startswith("#"):
            found[-1][2].append(json.loads(line))
    return found


def spelt(objects):
    """Identifiers as "type/n", without what all have."""
    names, of_type = {}, {}
    for o in objects:
        of_type[o["type"]] = of_type.get(o["type"], 0) + 1
        names[o["id"]] = f"{o['type']}/{of_type[o['type']]}"

    def named(value):
        if isinstance(value, list):
            return [named(each) for each in value]
        return names.get(value, value) if isinstance(value, str) else value

    out = []
    for o in objects:
        left = {k: named(v) for k, v in o.items() if k not in ("spec_version", "created", "modified")}
        if o["type"] == "observed-data":
            del left["id"], left["object_refs"]  # all, in this order
            assert o["object_refs"] == list(names)[:-1], o
        out.append(left)
    return out


def by_hand(show, folder):
    wrong = 0
    for name, number, expected in cases():
        lines = lines_of(name)
        head = [line for line in lines[:number] if line.startswith("#")]
        got = spelt(observe([*head, lines[number - 1]], folder))
        if show:
            print(f"== {name} {number}")
            print("\n".join(json.dumps(o, ensure_ascii=False, sort_keys=True) for o in got), "\n")
        elif got != expected:
            wrong += 1
            print(f"{name}, line {number}:\n  {lines[number - 1]}")
            for o in got:
                print("  got     " if o not in expected else "          ", json.dumps(o, ensure_ascii=False, sort_keys=True))
            for o in expected:
                if o not in got:
                    print("  expected", json.dumps(o, ensure_ascii=False, sort_keys=True))
    assert wrong == 0, f"{wrong} lines come to something else"


def valid(folder):
    try:
        import stix2
    except ImportError:
        print("OASIS's library (pip install stix2) is not here: what observe writes was not parsed")
        return
    count = 0
    for path in sorted(DATA.glob("*/*")):
        for o in observe(lines_of(str(path.relative_to(DATA)))[:LINES_PARSED], folder):
            stix2.parse(o, version="2.1")
            count += 1
    assert count > 1000, count
    print(f"{count} objects are STIX 2.1 to stix2 {stix2.__version__}")


def main():
    if not DATA.is_dir():
        print(f"skipped: no telemetry in {DATA}")
        sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory(prefix="renkei-real-") as folder:
        by_hand("--show" in sys.argv, pathlib.Path(folder))
        valid(pathlib.Path(folder))


if __name__ == "__main__":
    main()
