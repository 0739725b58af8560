#!/usr/bin/env python3
"""The rules of the house, checked over a source tree.

    house.py floors ROOT     a room includes only what stands on a lower floor, or beside it without a circle
    house.py headers ROOT    every header compiles alone, and twice
    house.py names ROOT      no dumping grounds; no file that is two rooms
    house.py tables ROOT     what has to be registered somewhere is: tests, fuzz targets and their seeds, benchmarks
    house.py docs ROOT       the reference names every command and flag there is; links lead somewhere
    house.py script ROOT     the shell scripts pass shellcheck (skipped where there is none)
    house.py self-test       each of these fails on a planted violation, and passes without it

Prints one line a violation; the exit code is 0 without any, 77 when skipped.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# A room and the floor it stands on. Adding a room: a row here, its folder, and its name in the top meson.build.
FLOORS = {
    "base": 1, "json": 1,
    "stix": 2, "store": 2, "http": 2,
    "policy": 3, "pattern": 3, "ledger": 3,
    "share": 4, "interchange": 4, "detect": 4,
    "node": 5,
    "taxii": 6,
    "cli": 7,
}

# Words that say nothing about what a file is for, so that everything ends up in it.
FORBIDDEN = {"util", "utils", "helper", "helpers", "misc", "common", "manager", "stuff"}
LINES_MAX = 800  # a longer file is asking to be two

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def sources(root, *suffixes):
    return sorted(p for p in (root / "src").rglob("*") if p.suffix in suffixes)


def check_floors(root):
    found = []
    beside = {}  # room -> {room on the same floor: where}
    for room in sorted(p.name for p in (root / "src").iterdir() if p.is_dir() and any(p.iterdir())):
        if room not in FLOORS:
            found.append(f"src/{room}: no floor is given for this room (FLOORS in tests/house/house.py)")
    for path in sources(root, ".c", ".h"):
        room = path.relative_to(root / "src").parts[0]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            where = f"{path.relative_to(root)}:{number}"
            target = match[1].split("/")[0]
            if "/" not in match[1] or target not in FLOORS:
                found.append(f'{where}: "{match[1]}" names no room; write "room/header.h"')
            elif target == room or room not in FLOORS:
                continue
            elif FLOORS[target] > FLOORS[room]:
                found.append(f'{where}: src/{room} (floor {FLOORS[room]}) includes "{match[1]}", '
                             f"which stands above it (floor {FLOORS[target]})")
            elif FLOORS[target] == FLOORS[room]:
                beside.setdefault(room, {}).setdefault(target, where)
    return found + circles(beside)


def circles(beside):
    found = []

    def walk(room, trail):
        if room in trail:
            ring = trail[trail.index(room):] + [room]
            if min(ring) == ring[0]:  # told once, from its first room
                found.append(f"{beside[ring[0]][ring[1]]}: a circle of rooms: {' → '.join(ring)}")
            return
        for target in sorted(beside.get(room, {})):
            walk(target, trail + [room])

    for room in sorted(beside):
        walk(room, [])
    return found


def check_headers(root):
    compiler = os.environ.get("CC", "cc").split()
    elsewhere = subprocess.run(["pkg-config", "--cflags-only-I", "libpq"], capture_output=True, text=True, check=False).stdout.split()

    def compiles(path):
        name = path.relative_to(root / "src")
        run = subprocess.run(
            compiler + ["-fsyntax-only", "-std=gnu17", "-Wall", "-Wextra", "-Wno-missing-field-initializers",
                        "-Wno-unused-parameter", "-Werror", "-D_GNU_SOURCE", "-I" + str(root / "src"), *elsewhere, "-x", "c", "-"],
            input=f'#include "{name}"\n#include "{name}"\n', text=True, capture_output=True)
        return [] if run.returncode == 0 else [f"src/{name} does not compile alone:\n{run.stderr.strip()}"]

    with ThreadPoolExecutor(2) as pool:
        return [line for lines in pool.map(compiles, sources(root, ".h")) for line in lines]


def check_names(root):
    found = []
    for path in sorted(p for folder in ("src", "tests", "fuzz", "bench") for p in (root / folder).rglob("*")):
        if path.suffix not in (".c", ".h", ".py"):
            continue
        name = path.relative_to(root)
        words = set(re.split(r"[^a-z0-9]+", str(name).lower()))
        for word in sorted(words & FORBIDDEN):
            found.append(f"{name}: \"{word}\" says nothing; name the file after what it holds")
        lines = path.read_text(errors="replace").count("\n")
        if lines > LINES_MAX:
            found.append(f"{name}: {lines} lines; over {LINES_MAX} it is two files with two names")
    return found


def check_tables(root):
    found = []

    def text(path):
        return (root / path).read_text() if (root / path).exists() else ""

    rooms = re.search(r"^rooms = \[(.*?)\]", text("meson.build"), re.M | re.S)
    listed = re.findall(r"'(\w+)'", rooms[1]) if rooms else []
    for room in FLOORS:
        if (root / "src" / room).is_dir() and room not in listed:
            found.append(f"src/{room}: not among the rooms of meson.build")
    for path in sources(root, ".c"):
        own = text(path.parent.relative_to(root) / "meson.build")
        if f"'{path.name}'" not in own:
            found.append(f"{path.relative_to(root)}: not in its folder's meson.build")
    for folder in ("tests", "bench"):
        for path in sorted((root / folder).rglob("*.c")):
            built = text(path.parent.relative_to(root) / "meson.build")
            if f"'{path.name}'" not in built and f"'{path.name.removesuffix('_test.c')}'" not in built:
                found.append(f"{path.relative_to(root)}: not in its folder's meson.build, so nothing builds it")
    fuzz = text("fuzz/meson.build")
    for path in sorted((root / "fuzz").glob("*_fuzz.c")):
        name = path.name[: -len("_fuzz.c")]
        if f"'{name}'" not in fuzz:
            found.append(f"fuzz/{path.name}: not in the table of fuzz/meson.build")
        corpus = root / "fuzz" / "corpus" / name
        if not corpus.is_dir() or not any(corpus.iterdir()):
            found.append(f"fuzz/{path.name}: no seeds in fuzz/corpus/{name}/")
    return found


def check_conformance(root):
    """Every row of the conformance table names tests that are there: `FOLDER/NAME.FUNCTION`."""
    page = root / "docs/taxii-conformance.md"
    found = []
    for row in re.findall(r"^\| \d.*$", page.read_text() if page.exists() else "", re.M):
        tests = re.findall(r"`([a-z]+)/(\w+)\.(\w+)`", row.split("|")[-2])
        if not tests:
            found.append(f"docs/taxii-conformance.md: no test drives: {row}")
        for folder, name, function in tests:
            files = [f for f in (root / f"tests/{folder}/{name}_test.{e}" for e in ("py", "c")) if f.exists()]
            definition = re.compile(rf"^(def |static void ){function}\(", re.M)
            if not any(definition.search(f.read_text()) for f in files):
                found.append(f"docs/taxii-conformance.md: there is no test {folder}/{name}.{function}")
    return found


def check_docs(root):
    found = []
    table = root / "src/cli/commands.c"
    reference = root / "docs/reference.md"
    sections = {}
    for section in re.split(r"^### renkei ", reference.read_text() if reference.exists() else "", flags=re.M)[1:]:
        sections[section.split()[0]] = section
    # A row: {"name", "summary", "usage" in pieces, "flags", command_name},
    for name, flags in re.findall(r'^    \{"([a-z]+)",.*?"([^"]*)",\s*command_\w+\}', table.read_text() if table.exists() else "", re.M | re.S):
        if name not in sections:
            found.append(f"docs/reference.md: no section \"### renkei {name}\"")
            continue
        for flag in flags.split():
            if flag not in sections[name]:
                found.append(f"docs/reference.md: {flag} is not under renkei {name}")
    found += check_conformance(root)
    pages = [p for p in root.glob("*.md")] + [p for f in ("docs", "fuzz", "bench", "examples") for p in (root / f).glob("*.md")]
    for page in sorted(pages):
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if "://" not in link and not (page.parent / link).exists():
                found.append(f"{page.relative_to(root)}: the link to {link} leads nowhere")
    return found


def check_script(root):
    if not shutil.which("shellcheck"):
        print("skipped: shellcheck is not installed")
        sys.exit(77)
    scripts = ["run", ".ci/run", *(str(p.relative_to(root)) for p in sorted((root / "bench").glob("*.sh")))]
    run = subprocess.run(["shellcheck", *scripts], cwd=root, text=True, capture_output=True)
    return [] if run.returncode == 0 else [run.stdout]


CHECKS = {"floors": check_floors, "headers": check_headers, "names": check_names, "tables": check_tables,
          "docs": check_docs, "script": check_script}

# A sound tree, and for each check plants that must be found: (file, content, what the violation says).
SOUND = {
    "meson.build": "rooms = ['base', 'json', 'policy', 'pattern', 'cli']\n",
    "src/base/meson.build": "files('span.c')\n",
    "src/base/span.h": "#ifndef S\n#define S\n#include <stddef.h>\nstruct span { const char *at; size_t len; };\n#endif\n",
    "src/base/span.c": '#include "base/span.h"\n',
    "src/json/json.h": '#ifndef J\n#define J\n#include "base/span.h"\n#endif\n',
    "src/policy/decide.h": '#ifndef D\n#define D\n#include "json/json.h"\n#endif\n',
    "src/pattern/plan.h": '#ifndef P\n#define P\n#include "policy/decide.h"\n#endif\n',
    "src/cli/main.c": '#include "policy/decide.h"\n',
    "src/cli/meson.build": "files('main.c', 'commands.c')\n",
    "fuzz/meson.build": "targets = {'json': json_dep}\n",
    "fuzz/json_fuzz.c": "",
    "fuzz/corpus/json/empty": "",
    "tests/base/meson.build": "files('span_test.c')\n",
    "tests/base/span_test.c": "",
    "src/cli/commands.c": 'struct command commands[] = {\n    {"show", "show it", "renkei show ID",\n     "--history", command_show},\n};\n',
    "docs/reference.md": "# Reference\n### renkei show ID [--history]\n[all](README.md)\n",
    "docs/README.md": "",
    "run": "#!/bin/sh\nexit 0\n",
    ".ci/run": "#!/bin/sh\nexit 0\n",
}
PLANTS = [
    ("floors", "src/base/up.h", '#include "policy/decide.h"\n', "stands above it"),
    ("floors", "src/policy/ring.h", '#include "pattern/plan.h"\n', "a circle of rooms"),
    ("floors", "src/base/here.c", '#include "span.h"\n', "names no room"),
    ("floors", "src/cellar/wine.c", "int wine;\n", "no floor is given"),
    ("headers", "src/base/lacks.h", "size_t lacking(void);\n", "does not compile alone"),
    ("headers", "src/base/once.h", "struct once { int a; };\n", "does not compile alone"),
    ("names", "src/base/string_util.c", "", '"util" says nothing'),
    ("names", "tests/base/common/x.py", "", '"common" says nothing'),
    ("names", "src/base/long.c", "\n" * (LINES_MAX + 1), "two files"),
    ("tables", "src/base/forgotten.c", "", "not in its folder's meson.build"),
    ("tables", "tests/base/forgotten_test.c", "", "nothing builds it"),
    ("tables", "fuzz/new_fuzz.c", "", "not in the table"),
    ("tables", "src/stix/id.h", "", "not among the rooms"),
    ("tables", "fuzz/json2_fuzz.c", "", "no seeds"),
    ("docs", "docs/reference.md", "### renkei show ID\n", "--history is not under"),
    ("docs", "docs/taxii-conformance.md", "| 1 | MUST | x | `scenario/none.at_all` |\n", "there is no test"),
    ("docs", "docs/taxii-conformance.md", "| 1 | MUST | x | by hand |\n", "no test drives"),
    ("docs", "docs/reference.md", "", 'no section "### renkei show"'),
    ("docs", "README.md", "[x](docs/none.md)\n", "leads nowhere"),
]


def plant(root, name, content):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def self_test():
    failures = []
    for check, name, content, says in [(c, None, None, None) for c in CHECKS if c != "script"] + PLANTS:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for path, text in SOUND.items():
                plant(root, path, text)
            if name:
                plant(root, name, content)
            found = CHECKS[check](root)
            if name is None and found:
                failures.append(f"{check}: finds fault with a sound tree: {found}")
            if name and not any(says in line for line in found):
                failures.append(f"{check}: {name} with {content[:40]!r} is not found ({found})")
    return failures


def main():
    if sys.argv[1:] == ["self-test"]:
        found = self_test()
    elif len(sys.argv) == 3 and sys.argv[1] in CHECKS:
        found = CHECKS[sys.argv[1]](Path(sys.argv[2]).resolve())
    else:
        print(__doc__, file=sys.stderr)
        return 2
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
