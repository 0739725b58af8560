"""Telemetry from outside: observe and what import says of it, mapped logs, folders and globs, and a log that grows, is
renamed, truncated and followed all the while without a line lost or doubled."""

import gzip
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import taxii_nodes

MAPPING = """\
renkei: mapping-v1
format: csv
log: proxy
timezone: "+09:00"
fields:
  - field: time
    path: observed-data:first_observed
  - field: client
    path: network-traffic:src_ref.value
  - field: URL
    path: url:value
  - field: Command Line
    path: process:command_line
"""
CSV = 'time,client,URL,"Command Line"\r\n2026-11-23 09:00:00,10.0.0.1,http://Evil.example/a,"x ""y"", z"\r\nbad,line\r\n'


def indicator(number, pattern):
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
        "created": "2024-01-01T00:00:00.000Z",
        "modified": "2024-01-01T00:00:00.000Z",
        "pattern": pattern,
        "pattern_type": "stix",
        "valid_from": "2024-01-01T00:00:00Z",
    }


def dns(number):
    return json.dumps({"_path": "dns", "ts": 1764000000 + number, "uid": f"C{number}", "query": "evil.example"}) + "\n"


def objects_of(text):
    return [json.loads(line) for line in text.splitlines()]


def observe(node, folder):
    """What observe writes is whole, the same again, and taken by import."""
    (folder / "logs/deep").mkdir(parents=True)
    (folder / "logs/dns.log").write_text(dns(1) + "not json\n" + dns(2))
    with gzip.open(folder / "logs/deep/dns.log.gz", "wt") as f:
        f.write(dns(3))
    (folder / "logs/.hidden").write_text(dns(4))
    done = node.run("observe", folder / "logs", "--member", "NAVY-1")
    objects = objects_of(done.stdout)
    seen = [o for o in objects if o["type"] == "observed-data"]
    assert len(seen) == 3, done.stdout
    assert "1 not read" in done.stderr and "logs/dns.log:2: not read" in done.stderr, done.stderr
    ids = {o["id"] for o in objects}
    assert all(ref in ids for o in seen for ref in o["object_refs"] + [o["created_by_ref"]])
    assert [o["value"] for o in objects if o["type"] == "domain-name"] == ["evil.example"], "each object once"
    assert node.run("observe", folder / "logs", "--member", "NAVY-1").stdout == done.stdout, "the same ids again"
    globbed = node.run("observe", f"{folder}/logs/*.log")
    assert globbed.stdout.count("observed-data--") == 2 and "created_by_ref" not in globbed.stdout
    bundle = json.loads(node.run("observe", folder / "logs/dns.log", "--bundle").stdout)
    assert bundle["type"] == "bundle" and len(bundle["objects"]) == 3, bundle
    (folder / "observed.ndjson").write_text(done.stdout)
    taken = node.run("import", folder / "observed.ndjson").stdout
    assert "0 rejected" in taken and "0 in quarantine" in taken, taken
    assert node.run("observe", folder / "nowhere", check=False).returncode == 2
    assert node.run("observe", f"{folder}/*.none", check=False).returncode == 2
    assert node.run("observe", "/dev/null", check=False).returncode == 1


def mapped(node, folder):
    mapping, log = folder / "proxy.yaml", folder / "proxy.csv"
    mapping.write_text(MAPPING)
    log.write_text(CSV, newline="")
    done = node.run("observe", log, "--mapping", mapping)
    by_type = {o["type"]: o for o in objects_of(done.stdout)}
    assert by_type["process"]["command_line"] == 'x "y", z'
    assert by_type["url"]["value"] == "http://Evil.example/a"
    assert by_type["network-traffic"]["src_ref"] == by_type["ipv4-addr"]["id"]
    assert by_type["observed-data"]["first_observed"] == "2026-11-23T00:00:00.000Z", "09:00 in Tokyo"
    assert "proxy.csv:3: not read" in done.stderr
    found = node.results("match", log, "--mapping", mapping, "--no-sightings")
    assert len(found) == 2 and "http://evil.example/a" in json.dumps(found).lower(), found  # and its host
    mapping.write_text(MAPPING.replace("process:command_line", "process:command"))
    refused = node.run("observe", log, "--mapping", mapping, check=False)
    assert refused.returncode == 2 and "proxy.yaml:13:" in refused.stderr, refused.stderr


def stix(node, folder):
    """Observed-data is telemetry as well: as observe writes it, in a bundle, and with its objects inside."""
    (folder / "stix").mkdir()
    both = [dns(1), dns(2).replace("evil.example", "good.example")]
    (folder / "dns2.log").write_text("".join(both))
    (folder / "stix/lines.json").write_text(node.run("observe", folder / "dns2.log").stdout)
    bundle = json.loads(node.run("observe", folder / "dns2.log", "--bundle").stdout)
    (folder / "stix/bundle.json").write_text(json.dumps(bundle, indent=2))
    old = {
        "type": "observed-data",
        "spec_version": "2.1",
        "id": "observed-data--00000000-0000-4000-8000-000000000001",
        "first_observed": "2026-01-01T00:00:00Z",
        "last_observed": "2026-01-01T00:00:00Z",
        "number_observed": 1,
        "objects": {"0": {"type": "domain-name", "value": "EVIL.example."}},
    }
    (folder / "stix/container.json").write_text(json.dumps(old) + "\n")
    found = node.results("match", folder / "stix", "--no-sightings")
    places = sorted((pathlib.Path(f["log"]["file"]["path"]).name, f["log"]["origin"]["file"]["line"]) for f in found)
    assert places == [("bundle.json", 1), ("container.json", 1), ("lines.json", 1)], places
    (folder / "stix/bundle.json").write_text('{"type": "bundle", "objects": [')
    broken = node.run("match", folder / "stix/bundle.json", check=False)
    assert broken.returncode == 2 and "bundle.json" in broken.stderr, broken.stderr


def wait_for(path, count):
    for _ in range(400):
        if path.read_text().count("\n") >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{path.read_text().count(chr(10))} alerts of {count} came")


def follow(node, folder):
    log, out = folder / "grows.log", folder / "alerts.ndjson"
    log.write_text(dns(0))
    with open(out, "w") as alerts:
        run = subprocess.Popen(
            [taxii_nodes.PROGRAM, "--home", node.home, "--json", "match", log, "--follow", "--threads", "2"],
            stdout=alerts,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        wait_for(out, 1)
        count = 1
        writer = open(log, "a")

        def write(lines):
            nonlocal count
            for _ in range(lines):
                text = dns(count)
                writer.write(text[:20])  # a line comes in two pieces
                writer.flush()
                writer.write(text[20:])
                writer.flush()
                count += 1

        write(50)
        wait_for(out, count)
        log.rename(folder / "grows.log.1")  # the writer goes on in the old file for a while
        write(20)
        writer.close()
        time.sleep(0.3)
        writer = open(log, "a")
        write(30)
        wait_for(out, count)
        shutil.copy(log, folder / "grows.log.2")
        os.truncate(log, 0)
        write(1)  # shorter than what was there
        wait_for(out, count)
        write(200)
        wait_for(out, count)
        writer.close()
        log.unlink()
        time.sleep(0.2)
        writer = open(log, "w")
        write(10)
        wait_for(out, count)
        writer.close()
    finally:
        run.send_signal(signal.SIGTERM)
        said = run.communicate(timeout=60)[1]
    assert run.returncode == 0, said
    seen = [json.loads(line)["@timestamp"] for line in out.read_text().splitlines()]
    assert len(seen) == count and len(set(seen)) == count, (len(seen), len(set(seen)), count)
    assert seen == sorted(seen), "in the order of the lines"
    assert node.run("match", log, "-", "--follow", check=False).returncode == 2


def follow_many(node, folder):
    """A folder of files that grow at once, the table's groups told while they do, one of the files rotated."""
    logs, out = folder / "many", folder / "rows.txt"
    logs.mkdir()
    paths = [logs / f"sensor{n}.log" for n in range(5)]
    for path in paths:
        path.write_text("")
    with open(out, "w") as rows:
        run = subprocess.Popen(
            [taxii_nodes.PROGRAM, "--home", node.home, "match", logs, "--follow", "--no-sightings"],
            stdout=rows,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        for step, path in enumerate(paths + paths[:2]):
            with open(path, "a") as log:
                log.write(dns(step))
            deadline = time.time() + 30
            while out.read_text().count("evil.example") <= step and time.time() < deadline:
                time.sleep(0.02)
            assert out.read_text().count("evil.example") == step + 1, "told while it follows"
        paths[3].rename(folder / "rotated.log")
        with open(paths[3], "w") as log:
            log.write(dns(100))
        deadline = time.time() + 30
        while out.read_text().count("evil.example") < 8 and time.time() < deadline:
            time.sleep(0.02)
    finally:
        run.send_signal(signal.SIGTERM)
        said = run.communicate(timeout=60)[1]
    assert run.returncode == 0 and "8 lines" in said and "8 alerts" in said, said
    assert out.read_text().count("evil.example") == 8, out.read_text()


def main():
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        node = taxii_nodes.Node(folder, "JP-MOD")
        patterns = ["[domain-name:value = 'evil.example']", "[url:value = 'http://evil.example/a']"]
        bundle = folder / "bundle.json"
        bundle.write_text(
            json.dumps(
                {
                    "type": "bundle",
                    "id": "bundle--00000000-0000-4000-8000-000000000000",
                    "objects": [indicator(n, p) for n, p in enumerate(patterns, 1)],
                }
            )
        )
        node.run("import", bundle)
        observe(node, folder)
        mapped(node, folder)
        stix(node, folder)
        follow(node, folder)
        follow_many(node, folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
