"""The index that match keeps in the node's folder, seen from outside: built once, used again, built anew when the
indicators changed or the file is no good, and never needed."""

import json
import pathlib
import shutil
import tempfile

import taxii_nodes

COUNT = 2000


def indicator(number, value, modified="2024-01-01T00:00:00.000Z", **more):
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
        "created": "2024-01-01T00:00:00.000Z",
        "modified": modified,
        "pattern": f"[domain-name:value = '{value}']",
        "pattern_type": "stix",
        "valid_from": "2024-01-01T00:00:00Z",
        **more,
    }


def write_bundle(path, objects):
    path.write_text(json.dumps({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": objects}))
    return path


def matched(node, log, *flags):
    """The exit code, the alerts less the time they were made, and what was said on stderr."""
    done = node.run("--json", "match", "--no-sightings", *flags, log, check=False)
    assert done.returncode in (0, 1), (done.returncode, done.stderr)
    alerts = [json.loads(line) for line in done.stdout.splitlines()]
    for alert in alerts:
        del alert["event"]["created"]
    return done.returncode, json.dumps(alerts), done.stderr


def shown(node, *flags):
    done = node.run("--json", "index", *flags, check=False)
    assert done.returncode in (0, 1), (done.returncode, done.stderr)
    return done.returncode, json.loads(done.stdout) if done.stdout else None


def command(folder):
    """renkei index: built beforehand, shown, what it leaves out and why."""
    node = taxii_nodes.Node(folder, "KR-MND")
    kinds = [
        indicator(1, "a.example"),
        indicator(2, "b.example", revoked=True),
        indicator(3, "", pattern="[ipv4-addr:value = '192.0.2.1']"),
        indicator(4, "", pattern="[ipv4-addr:value ISSUBSET '198.51.100.0/24']"),
        indicator(5, "", pattern="[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']"),
        indicator(6, "", pattern="[domain-name:value LIKE 'c%.example'] FOLLOWEDBY [domain-name:value = 'd.example']"),
        indicator(7, "", pattern="rule x {condition: true}", pattern_type="yara"),
        indicator(8, "", pattern="rule y {condition: true}", pattern_type="yara"),
        indicator(9, "", pattern="[domain-name:value = 'not a domain']"),
    ]
    node.run("import", write_bundle(folder / "kinds.json", kinds))
    assert shown(node, "show") == (1, None), "none yet"
    code, built = shown(node, "build")
    assert code == 0 and built["built"] and built["current"]
    code, held = shown(node, "show")
    assert code == 0 and held["current"] and not held["built"]
    expected = {"indicators": 9, "revoked": 1, "superseded": 0, "networks": 1, "full_patterns": 1, "every_event": 0}
    assert {key: held[key] for key in expected} == expected, held
    assert held["values"] == {"address": 2, "domain": 3, "hash": 1}, held["values"]  # the pattern watches for d.example
    assert [(o["count"], o["first"][-1]) for o in held["left_out"]] == [(2, "7"), (1, "9")], held["left_out"]
    assert "yara" in held["left_out"][0]["reason"] and "domain" in held["left_out"][1]["reason"]
    assert held["bytes"] <= pathlib.Path(held["path"]).stat().st_size < held["bytes"] + 200_000

    assert not shown(node, "build")[1]["built"] and shown(node, "build", "--anew")[1]["built"]
    node.run("import", write_bundle(folder / "more.json", [indicator(1, "e.example", "2024-03-01T00:00:00.000Z")]))
    code, old = shown(node, "show")
    assert code == 1 and not old["current"] and old["indicators"] == 9
    code, new = shown(node, "build")
    assert code == 0 and new["built"] and (new["indicators"], new["superseded"]) == (10, 1), new
    assert "left out" in node.run("index", "show").stdout
    for wrong in ([], ["shows"], ["show", "--anew"], ["build", "twice"]):
        assert node.run("index", *wrong, check=False).returncode == 2


def main():
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        node = taxii_nodes.Node(folder, "JP-MOD")
        node.run("import", write_bundle(folder / "first.json", [indicator(n, f"d{n}.example") for n in range(COUNT)]))
        log = folder / "dns.log"
        names = ["d7.example", "x.d8.example", "new.example", "none.example"]
        log.write_text("".join(json.dumps({"ts": 1704100000, "uid": "C", "_path": "dns", "query": n}) + "\n" for n in names))
        index = node.home / "realms/live/index/indicators"

        code, first, said = matched(node, log)
        assert code == 0 and "d7.example" in first and "d8.example" not in first, first
        assert index.stat().st_mode & 0o777 == 0o600
        assert not [p for p in index.parent.iterdir() if p != index], "nothing half-written stays"
        built = index.stat().st_mtime_ns

        code, again, said = matched(node, log)
        assert again == first and index.stat().st_mtime_ns == built, "used as it is"
        code, below, said = matched(node, log, "--subdomains", "--ordered")
        assert "x.d8.example" in below and below.index("d7.example") < below.index("x.d8.example")
        assert index.stat().st_mtime_ns == built

        # a new indicator, then a newer version of an old one
        node.run("import", write_bundle(folder / "second.json", [indicator(COUNT, "new.example")]))
        code, more, said = matched(node, log)
        assert "new.example" in more and index.stat().st_mtime_ns != built
        node.run("import", write_bundle(folder / "third.json", [indicator(7, "other.example", "2024-02-01T00:00:00.000Z")]))
        code, newer, said = matched(node, log)
        assert "d7.example" not in newer and "new.example" in newer, "the older version counts no more"

        # files that are no good: said, replaced, and the answer is the same
        whole = index.read_bytes()
        for damage in (b"", b"no index", whole[: len(whole) // 2], whole[:8192] + b"\xff" * 64 + whole[8256:]):
            index.write_bytes(damage)
            code, repaired, said = matched(node, log)
            assert repaired == newer and str(index) in said, said
            assert len(index.read_bytes()) == len(whole)
            code, quiet, said = matched(node, log)
            assert quiet == newer and str(index) not in said

        # an index of another store is not taken for this one's
        other = taxii_nodes.Node(folder, "US-DOD")
        other.run("import", write_bundle(folder / "other.json", [indicator(1, "none.example")]))
        matched(other, log)
        shutil.copy(other.home / "realms/live/index/indicators", index)
        code, own, said = matched(node, log)
        assert own == newer, own

        # where nothing can be written, it works without
        shutil.rmtree(index.parent)
        index.parent.write_text("a file in the way")
        code, without, said = matched(node, log)
        assert without == newer and "index" in said, said

        command(folder)
    finally:
        shutil.rmtree(folder)
    print("ok")


if __name__ == "__main__":
    main()
