"""What analysts trip over (analysts_cases.txt): every indicator is imported as it comes, and match reads all lines, each of
which has to hit, or not."""

import json
import pathlib
import shutil
import tempfile

import taxii_nodes

HERE = pathlib.Path(__file__).resolve().parent


def read_cases():
    indicators, lines = [], []
    for text in (HERE / "analysts_cases.txt").read_text(encoding="utf-8").splitlines():
        if text.strip() and not text.startswith("#"):
            kind, _, rest = text.partition(" ")
            (indicators if kind == "I" else lines).append(rest if kind == "I" else (kind, rest))
    return indicators, lines


def bundle(patterns):
    made = [
        {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--00000000-0000-4000-8000-{n:012d}",
            "created": "2024-01-01T00:00:00.000Z",
            "modified": "2024-01-01T00:00:00.000Z",
            "pattern": pattern,
            "pattern_type": "stix",
            "valid_from": "2024-01-01T00:00:00Z",
        }
        for n, pattern in enumerate(patterns)
    ]
    return {"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": made}


def kind_of(line):
    return "stix" if line.startswith('{"type"') else "json" if line.startswith("{") else "text"


def check(node, folder, lines, hits, flags):
    """What is wrong, each format in a file of its own; hits: the marks of lines that are to hit."""
    wrong = []
    for kind in ("json", "stix", "text"):
        mine = [(mark, line) for mark, line in lines if kind_of(line) == kind]
        path = folder / f"{kind}.log"
        path.write_text("".join(line + "\n" for _, line in mine), encoding="utf-8")
        done = node.run("--json", "match", path, "--time", "any", "--no-sightings", *flags, check=False)
        assert done.returncode in (0, 1), done.stderr
        assert "cannot be evaluated" not in done.stderr and "not read" not in done.stderr, done.stderr
        found = {json.loads(alert)["log"]["origin"]["file"]["line"] for alert in done.stdout.splitlines()}
        for number, (mark, line) in enumerate(mine, 1):
            if (number in found) != (mark in hits):
                wrong.append(f"{' '.join(flags)}: {'a' if number in found else 'no'} hit on\n  {line}")
    return wrong


def main():
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        node = taxii_nodes.Node(folder, "JP-MOD")
        indicators, lines = read_cases()
        (folder / "list.txt").write_text("".join(i + "\n" for i in indicators if not i.startswith("[")), encoding="utf-8")
        (folder / "patterns.json").write_text(json.dumps(bundle([i for i in indicators if i.startswith("[")])))
        assert " 0 rejected" in node.run("import", folder / "list.txt", "--list").stdout
        assert " 0 rejected" in node.run("import", folder / "patterns.json").stdout
        wrong = check(node, folder, lines, "+", [])
        wrong += check(node, folder, lines, "+s", ["--subdomains"])
        wrong += check(node, folder, lines, "+z", ["--timezone", "+09:00"])
        assert not wrong, "\n".join(wrong)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
