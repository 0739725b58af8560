"""The hunts of examples/hunt on the telemetry they were written for, and on telemetry of others: what docs/detection.md says
is found is found, each by the pattern that should, and nowhere else."""

import collections
import json
import os
import pathlib
import sys
import tempfile

import taxii_nodes

SOURCE = pathlib.Path(os.environ.get("RENKEI_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
DATA = pathlib.Path(os.environ.get("RENKEI_SHARED_DATA", SOURCE.parent / "shared/data"), "telemetry")
SKIPPED = 77
# Pattern: what completes it how often, by file.
APT29 = {
    "Payload connects back on port 1234": {"apt29-day1-SCRANTON-conn.ndjson": 1},
    "Self-signed certificate of the first implant": {"apt29-day1-SCRANTON-ssl.ndjson": 2, "apt29-day1-SCRANTON-x509.ndjson": 2},
    "Certificate of the second implant": {"apt29-day1-NASHUA-x509.ndjson": 376},
    "Beacon to port 8443": {"apt29-day1-NASHUA-conn.ndjson": 3, "apt29-day1-NASHUA-ssl.ndjson": 4},
    "Archive written to a WebDAV share": {"apt29-day1-SCRANTON-http.ndjson": 6},
    "Interpreter fetched from a WebDAV share": {"apt29-day1-SCRANTON-http.ndjson": 2},
    "Self-signed certificate of the second day": {"apt29-day2-UTICA-A.json": 2},
    "Payload fetched without a User-Agent": {"apt29-day2-UTICA-A.json": 1},
    "PowerShell remoting to the domain controller": {"apt29-day2-UTICA-A.json": 4},
}
# Which event completes these depends on the order the files are read in.
APT29_CHAINS = {"Command channel, then exfiltration", "Lateral movement: remote shell, then service"}
LOG4SHELL = {
    "JNDI look-up in a User-Agent": {"log4shell-java-serialized.json": 1, "log4shell-jndi-reference.json": 2},
    "JNDI look-up, obfuscated or not": {"log4shell-java-serialized.json": 1, "log4shell-jndi-reference.json": 2},
    "The victim asks the attacker's directory": {"log4shell-java-serialized.json": 1, "log4shell-jndi-reference.json": 1},
    "Java loads a class over HTTP": {"log4shell-jndi-reference.json": 2},
    "The whole chain": {"log4shell-jndi-reference.json": 1},  # the other attack sends the object itself: no class is loaded
    "PowerShell payload inside the look-up": {"log4shell-java-serialized.json": 1},
    "Stager of an open-source command framework": {"log4shell-java-serialized.json": 2},
}


def hunt(folder, name, party):
    node = taxii_nodes.Node(folder, party)
    node.run("import", SOURCE / f"examples/hunt/{name}.json")
    return node


def found(node, files):
    done = node.run("match", "--time", "any", "--no-sightings", "--format", "eve", *files, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "cannot be evaluated" not in done.stderr and "given up" not in done.stderr, done.stderr
    alerts = collections.defaultdict(collections.Counter)
    for line in done.stdout.splitlines():
        alert = json.loads(line)["renkei"]
        alerts[alert["name"]][pathlib.Path(alert["file"]).name] += 1
    return alerts


def main():
    apt29 = sorted(DATA.glob("zeek/apt29-*")) + sorted(DATA.glob("eve/apt29-*"))
    log4shell = sorted(DATA.glob("eve/log4shell-*"))
    others = sorted(DATA.glob("zeek/wrccdc-*"))
    if not apt29 or not log4shell or not others:
        print(f"skipped: no telemetry at {DATA}")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        one, two = hunt(folder, "apt29-evaluation", "JP-MOD"), hunt(folder, "log4shell", "US-DOD")
        seen = found(one, apt29)
        chains = {name: seen.pop(name) for name in APT29_CHAINS}
        assert seen == APT29, seen
        assert all(chains.values()), chains
        assert found(two, log4shell) == LOG4SHELL
        assert found(one, log4shell + others) == {}, "nothing where none of it happened"
        assert found(two, apt29 + others) == {}, "nothing where none of it happened"
    return 0


if __name__ == "__main__":
    sys.exit(main())
