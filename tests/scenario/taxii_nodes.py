"""Two real nodes for the TAXII scenarios: made, introduced to each other and served with the program itself."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid

SKIPPED = 77  # what meson takes for "skipped"
# requests lets these override the certificate a session is told to trust.
for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
    os.environ.pop(name, None)
SOURCE = pathlib.Path(os.environ.get("RENKEI_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
PROGRAM = os.environ.get("RENKEI_PROGRAM", str(SOURCE / "build/renkei"))


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def store_flags():
    """RENKEI_NODE_STORE=postgres: nodes keep their stores in the database that RENKEI_TEST_POSTGRES names, each in a schema of its own."""
    if os.environ.get("RENKEI_NODE_STORE") != "postgres":
        return []
    server = os.environ.get("RENKEI_TEST_POSTGRES") or skip("RENKEI_TEST_POSTGRES names no PostgreSQL (./run test starts one)")
    return ["--store", f"{server}{'&' if '?' in server else '?'}schema=n{uuid.uuid4().hex}"]


class Node:
    def __init__(self, folder, party, environment=None):
        """`environment`: more of it, for every process of this node."""
        self.party = party
        self.environment = {**os.environ, **(environment or {})}
        self.home = folder / party
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.process = None
        self.run("init", "--party", party, "--name", f"The node of {party}", "--url", self.url, *store_flags())
        self.card = folder / f"{party}.card"
        self.card.write_text(self.run("card").stdout)

    def run(self, *arguments, check=True, input=None):
        done = subprocess.run(
            [PROGRAM, "--home", self.home, *map(str, arguments)], capture_output=True, text=True, input=input, timeout=120,
            env=self.environment,
        )
        if check and done.returncode:
            raise AssertionError(
                f"renkei {' '.join(map(str, arguments))} ended with {done.returncode}: {done.stderr or done.stdout}"
            )
        return done

    def results(self, *arguments, check=True):
        """The JSON objects a command prints, one a line."""
        done = self.run("--json", *arguments, check=check)
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def serve(self):
        ready = self.home / "run" / "port"
        ready.unlink(missing_ok=True)
        self.log = open(self.home / "serve.log", "ab")
        self.process = subprocess.Popen(
            [PROGRAM, "--home", self.home, "serve", "--port-file", ready], stdout=self.log, stderr=self.log,
            env=self.environment,
        )
        for _ in range(200):
            if ready.exists():
                return
            if self.process.poll() is not None:
                raise AssertionError((self.home / "serve.log").read_text())
            time.sleep(0.05)
        raise AssertionError("serve does not come up")

    def stop(self):
        """Ends serve, which ends well: nothing leaked, where a sanitizer looks."""
        if self.process:
            running = self.process.poll() is None
            self.process.terminate()
            code = self.process.wait(timeout=30)
            self.log.close()
            self.process = None
            assert code == 0 or not running, f"serve ended with {code}: {(self.home / 'serve.log').read_text()[-4000:]}"

    def key_file(self, name):
        """Of the newest keys."""
        newest = max((self.home / "keys").iterdir(), key=lambda p: int(p.name))
        return str(newest / name)

    @property
    def client_certificate(self):
        return self.key_file("tls.crt"), self.key_file("tls.key")


class Pair:
    """JP-MOD and US-DOD under an agreement by which either gives the other what is TLP CLEAR or GREEN."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="renkei-taxii-"))
        self.jp = Node(self.folder, "JP-MOD")
        self.us = Node(self.folder, "US-DOD")
        self.jp.run("party", "add", "--yes", self.us.card)
        self.us.run("party", "add", "--yes", self.jp.card)
        agreement = self.folder / "agreement.yaml"
        self.jp.run("agreement", "new", "--with", self.us.card, "--to", agreement)
        signatures = []
        for node in (self.jp, self.us):
            signatures.append(self.folder / f"{node.party}.sig")
            node.run("agreement", "sign", "--to", signatures[-1], agreement)
        for node in (self.jp, self.us):
            node.run("agreement", "add", agreement, *signatures)
        return self

    def __exit__(self, *failure):
        for node in (self.jp, self.us):
            node.stop()
        if failure[0] and os.environ.get("RENKEI_KEEP"):
            print(f"left for inspection: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def indicator(number, seconds=0):
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
        "created": "2024-01-01T00:00:00.000Z",
        "modified": f"2024-01-01T00:00:{seconds:02d}.000Z",
        "name": f"host {number}",
        "pattern": f"[domain-name:value = 'h{number}.example.com']",
        "pattern_type": "stix",
        "valid_from": "2024-01-01T00:00:00Z",
    }


def bundle(objects):
    return {"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": objects}
