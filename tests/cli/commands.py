"""Drives the program from outside, as a person does: arguments and files in, exit code and text out."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.environ.get("RENKEI_PROGRAM") or "renkei"
DONE, NO, TROUBLE = 0, 1, 2  # the exit codes

SECONDS = 60  # a command of these tests may take, under a sanitizer and on a busy machine


def run(*arguments, code=DONE, input=None, env=None, cwd=None, stdin=None):
    """Runs the program; anything but the expected exit code (None: any) fails the test. Bytes in and out are text."""
    clean = {k: v for k, v in os.environ.items() if k not in ("RENKEI_HOME", "NOTIFY_SOCKET")}
    if input is None and stdin is None:
        stdin = subprocess.DEVNULL
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=input.encode() if isinstance(input, str) else input,
                          stdin=stdin, capture_output=True, timeout=SECONDS, env={**clean, **(env or {})}, cwd=cwd)
    done.stdout, done.stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    if "Sanitizer" in done.stderr or "runtime error:" in done.stderr:
        raise AssertionError(f"renkei {' '.join(map(str, arguments))}: {done.stderr}")
    if code is not None and done.returncode != code:
        raise AssertionError(f"renkei {' '.join(map(str, arguments))}: exit code {done.returncode}, not {code}\n"
                             f"{done.stdout}{done.stderr}")
    return done


class Node:
    """A node in a folder. serve() runs it until stop()."""

    def __init__(self, folder, party="JP-MOD", name="Ministry of Defense, Japan"):
        self.party, self.folder, self.home, self.server = party, folder, folder / party, None
        self.run("init", "--party", party, "--name", name, "--url", "https://127.0.0.1:0")
        self.card = folder / f"{party}.card"
        self.card.write_text(self.run("card").stdout)

    def run(self, *arguments, **how):
        return run("--home", self.home, *arguments, **how)

    def results(self, *arguments, **how):
        """The results of a command: with --json, an object a line and nothing else."""
        return [json.loads(line) for line in self.run("--json", *arguments, **how).stdout.splitlines()]

    def serve(self, *arguments, env=None):
        port = self.home / "run" / "port"
        port.unlink(missing_ok=True)
        self.log = self.folder / f"{self.party}.log"
        with open(self.log, "w", encoding="utf-8") as log:
            self.server = subprocess.Popen([PROGRAM, "--home", self.home, "serve", "--port-file", port, *arguments],
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(env or {})})
        until = time.monotonic() + SECONDS
        while not port.exists():
            if self.server.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"serve does not start: {self.log.read_text()}")
            time.sleep(0.02)
        return int(port.read_text())

    def stop(self, signal=None):
        """Ends the server; returns its exit code."""
        server, self.server = self.server, None
        if not server:
            return None
        server.send_signal(signal) if signal else server.terminate()
        try:
            return server.wait(SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            raise


class Case(unittest.TestCase):
    """A test with a folder of its own, and the nodes it makes in it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="renkei-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def node(self, *arguments):
        node = Node(self.folder, *arguments)
        self.addCleanup(node.stop)
        return node

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content)
        return path

    def pair(self):
        """JP-MOD and US-DOD under an agreement by which either gives the other what is TLP CLEAR or GREEN."""
        jp, us = self.node(), self.node("US-DOD", "Department of Defense, United States")
        jp.run("party", "add", "--yes", us.card)
        us.run("party", "add", "--yes", jp.card)
        text = self.folder / "agreement.yaml"
        jp.run("agreement", "new", "--with", us.card, "--to", text)
        for node in (jp, us):
            node.run("agreement", "sign", text)
        for node in (jp, us):
            node.run("agreement", "add", text, *sorted(self.folder.glob("agreement.yaml.*.sig")))
        return jp, us


# ---- objects

GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"


def stix_id(kind, number):
    return f"{kind}--00000000-0000-4000-8000-{number:012x}"


def indicator(number, value, kind="domain-name", **more):
    """An indicator of one value, TLP:GREEN, valid from 2025 on."""
    return {"type": "indicator", "spec_version": "2.1", "id": stix_id("indicator", number),
            "created": "2025-01-01T00:00:00.000Z", "modified": "2025-01-01T00:00:00.000Z", "name": value,
            "indicator_types": ["malicious-activity"], "pattern": f"[{kind}:value = '{value}']", "pattern_type": "stix",
            "valid_from": "2025-01-01T00:00:00Z", "object_marking_refs": [GREEN], **more}


def bundle(*objects):
    return json.dumps({"type": "bundle", "id": stix_id("bundle", 1), "objects": objects})


def dns_line(query, time="2025-06-01T12:00:00Z"):
    return json.dumps({"_path": "dns", "ts": time, "id.orig_h": "192.0.2.7", "id.orig_p": 4242, "id.resp_h": "192.0.2.53",
                       "id.resp_p": 53, "query": query}) + "\n"
