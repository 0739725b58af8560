#!/usr/bin/env python3
"""The main job on one machine: two nodes, an agreement, intelligence one way, a sighting back.

    python3 demo.py [--program build/renkei] [--folder build/demo]

Prints each command and what it answers; stops at the first that fails. Both nodes are left in the folder, stopped, with
the commands to start them and look around.
"""

import argparse
import fcntl
import json
import os
import pty
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
NODES = {
    "jp": ("JP-MOD", "Ministry of Defense, Japan", 8443),
    "us": ("US-DOD", "Department of Defense, United States", 8444),
}
SHOWN_LINES = 40  # of one answer
START_SECONDS = 30
WIDTH_MIN, WIDTH_ELSEWHERE = 100, 118  # of tables: on narrower terminals, and where there is none

# Objects of intelligence/tidal-heron.json that the demo asks about.
RELEASED = "indicator--d012988f-d1a2-48b3-ab8f-66daf016f950"
RED = "indicator--fc3d676f-1636-43c8-b8a2-7795889d7138"
WAITING = "relationship--29ed69af-2192-4c17-a682-477dbeb47ff1"


class Failed(Exception):
    pass


def free_port(wanted):
    """The wanted port if nothing listens there, else one the system gives."""
    for port in (wanted, 0):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return s.getsockname()[1]
            except OSError:
                continue
    raise Failed("no free port on 127.0.0.1")


def in_terminal(width, command, **how):
    """Runs a command whose output is a terminal of that width, so that it fits its tables to it."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    with subprocess.Popen(command, stdout=its, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **how) as process:
        os.close(its)
        chunks = []
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # how a terminal whose other end was closed ends
                chunk = b""
            if not chunk:
                break
            chunks.append(chunk)
        os.close(ours)
        errors = process.stderr.read()
    return subprocess.CompletedProcess(command, process.returncode, b"".join(chunks).decode().replace("\r\n", "\n"),
                                       errors.decode())


class Demo:
    def __init__(self, program, folder, out=sys.stdout, width=None):
        """width: of tables; None is that of the terminal, 0 no limit."""
        self.program, self.folder, self.out = Path(program).resolve(), Path(folder).resolve(), out
        self.servers = []
        self.color = out.isatty() and "NO_COLOR" not in os.environ
        self.width = width
        if width is None:
            self.width = max(shutil.get_terminal_size().columns - 2, WIDTH_MIN) if out.isatty() else WIDTH_ELSEWHERE
        self.step_number = 0

    # ---- showing

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.color else text

    def say(self, text=""):
        print(text, file=self.out, flush=True)

    def step(self, title, *why):
        self.step_number += 1
        self.say()
        self.say(self.paint("1;36", f"== {self.step_number}. {title}"))
        for line in why:
            self.say(self.paint("2", f"   {line}"))

    def show(self, text, lines=SHOWN_LINES):
        every = text.rstrip("\n").split("\n") if text.strip() else []
        for line in every[:lines]:
            self.say(f"  {line}")
        if len(every) > lines:
            self.say(f"  … and {len(every) - lines} lines more")

    # ---- doing

    def run(self, node, *args, to=None, lines=SHOWN_LINES, quiet=False, table=False):
        """Runs a command of a node as the reader would, in the demo's folder; returns its output."""
        shown = " ".join(a if a and not set(a) & set(" '\"*$") else f"'{a}'" for a in map(str, args))
        if not quiet:
            self.say(self.paint("1", f"$ {node} {shown}{f' > {to}' if to else ''}"))
        command = [self.program, *map(str, args)]
        how = {"cwd": self.folder, "env": {**os.environ, "RENKEI_HOME": str(self.folder / node)}}
        if table and self.width:
            ran = in_terminal(self.width, command, **how)
        else:
            ran = subprocess.run(command, text=True, capture_output=True, stdin=subprocess.DEVNULL, **how)
        if to:
            (self.folder / to).write_text(ran.stdout)
        if not quiet:
            self.show((ran.stdout if not to else "") + ran.stderr, lines)
        if ran.returncode:
            if quiet:
                self.show(ran.stdout + ran.stderr)
            raise Failed(f"`{node} {shown}` ended with exit code {ran.returncode}")
        return ran.stdout

    def results(self, node, *args):
        """The same with --json, not shown: a list of its results."""
        return [json.loads(line) for line in self.run(node, "--json", *args, quiet=True).splitlines() if line]

    def serve(self, node):
        self.say(self.paint("1", f"$ {node} serve &"))
        port_file = self.folder / node / "run" / "port"
        port_file.unlink(missing_ok=True)
        log = open(self.folder / f"{node}.log", "w", encoding="utf-8")
        server = subprocess.Popen([self.program, "serve", "--port-file", port_file], cwd=self.folder, stdout=log, stderr=log,
                                  stdin=subprocess.DEVNULL, env={**os.environ, "RENKEI_HOME": str(self.folder / node)})
        log.close()
        self.servers.append(server)
        until = time.monotonic() + START_SECONDS
        while not port_file.exists():
            if server.poll() is not None or time.monotonic() > until:
                self.show((self.folder / f"{node}.log").read_text())
                raise Failed(f"`{node} serve` did not start")
            time.sleep(0.05)
        self.show((self.folder / f"{node}.log").read_text())

    def stop(self):
        for server in self.servers:
            if server.poll() is None:
                server.send_signal(signal.SIGTERM)
        for server in self.servers:
            try:
                server.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        self.servers.clear()

    # ---- the story

    def prepare(self):
        for made in (*NODES, "examples"):
            shutil.rmtree(self.folder / made, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        for part in ("intelligence", "telemetry"):
            shutil.copytree(EXAMPLES / part, self.folder / "examples" / part, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        self.say("Two nodes on this machine; jp and us stand for")
        self.say(self.paint("1", f"$ cd {self.folder}"))
        for node in NODES:
            self.say(self.paint("1", f"$ alias {node}='{self.program} --home {node}'"))

    def make_nodes(self):
        self.step("Each party makes its node and gives the other its card")
        for node, (party, name, port) in NODES.items():
            self.run(node, "init", "--party", party, "--name", name, "--url", f"https://127.0.0.1:{free_port(port)}/")
        self.run("jp", "card", to="JP-MOD.card")
        self.run("us", "card", to="US-DOD.card")
        self.run("jp", "party", "add", "--yes", "US-DOD.card")
        self.run("us", "party", "add", "--yes", "JP-MOD.card")

    def agree(self):
        self.step("The agreement: one file, the same bytes on both nodes, signed by both",
                  "`agreement new` writes a first draft; the parties settle on examples/agreement.yaml, with their keys in it.")
        self.run("jp", "agreement", "new", "--with", "US-DOD.card", "--to", "draft.yaml")
        text = (EXAMPLES / "agreement.yaml").read_text()
        for party in ("JP-MOD", "US-DOD"):
            key = json.loads((self.folder / f"{party}.card").read_text())["card"]["agreement_key"]
            text = text.replace(f"ed25519:PUT-THE-KEY-OF-{party}-HERE", key)
        (self.folder / "agreement.yaml").write_text(text)
        self.say(self.paint("1", "$ sed -n '/from: JP-MOD/,/name_member/p' agreement.yaml"))
        self.show(text[text.index("  - from: JP-MOD"):text.index("\n  - from: US-DOD")])
        self.run("jp", "agreement", "check", "agreement.yaml")
        self.run("jp", "agreement", "sign", "agreement.yaml")
        self.run("us", "agreement", "sign", "agreement.yaml")
        for node in NODES:
            self.run(node, "agreement", "add", "agreement.yaml", "agreement.yaml.JP-MOD.sig", "agreement.yaml.US-DOD.sig")

    def serve_both(self):
        self.step("Both serve their partners, over mutual TLS pinned to the cards")
        for node in NODES:
            self.serve(node)

    def import_intelligence(self):
        self.step("Japan takes in what its analysts know; policy decides what the agreement lets out")
        self.run("jp", "import", "examples/intelligence/tidal-heron.json")
        self.run("jp", "import", "--tlp", "green", "--confidence", "70", "--valid-from", "2025-10-01",
                 "examples/intelligence/heronegg.txt")
        self.say("   Why this one went out, why that one did not, and what names it:")
        self.run("jp", "why", RELEASED, "--to", "US-DOD")
        self.run("jp", "why", RED, "--to", "US-DOD")
        self.run("jp", "why", WAITING, "--to", "US-DOD")

    def pull(self):
        self.step("The United States pull, and believe nothing that the signed ledger does not prove")
        self.run("us", "sync", "JP-MOD")

    def detect(self):
        self.step("An agency's Zeek logs, matched with what came in", "NAVY-1 is a member of US-DOD; its name stays at home.")
        logs = [f"examples/telemetry/{log}.ndjson" for log in ("smtp", "dns", "http", "files", "conn", "ssl")]
        self.run("us", "match", "--member", "NAVY-1", "--no-group", *logs, lines=60, table=True)

    def hear_back(self):
        self.step("The sightings travel back under the same agreement")
        self.run("jp", "sync", "US-DOD")
        self.run("jp", "search", "--type", "sighting", lines=12)
        sightings = self.results("jp", "search", "--type", "sighting")
        if not sightings:
            raise Failed("no sighting came back")
        shown = next((s["id"] for s in sightings if self.sighted(s["id"]) == RELEASED), sightings[0]["id"])
        self.run("jp", "show", shown)

    def sighted(self, sighting):
        return self.results("jp", "show", sighting)[0]["object"]["sighting_of_ref"]

    def account(self):
        self.step("What was disclosed is on record, cosigned by who received it")
        for node in NODES:
            self.run(node, "ledger", "show")
            self.run(node, "ledger", "verify")
        self.run("us", "ledger", "verify", "--from", "JP-MOD")

    def farewell(self):
        self.say()
        self.say("Both nodes are stopped and stay as they are. To look around:")
        self.say(f"  cd {self.folder}")
        for node in NODES:
            self.say(f"  alias {node}='{self.program} --home {node}'")
        self.say("  jp serve &    us serve &")
        self.say("  us search heron    us show ID    jp ledger entries    jp status    us --help")

    def play(self):
        if not self.program.is_file():
            raise Failed(f"there is no {self.program}: ./run build makes it")
        self.prepare()
        try:
            for part in (self.make_nodes, self.agree, self.serve_both, self.import_intelligence, self.pull, self.detect,
                         self.hear_back, self.account):
                part()
        finally:
            self.stop()
        self.farewell()


def main():
    parser = argparse.ArgumentParser(description="The main job on one machine, step by step.")
    parser.add_argument("--program", default="build/renkei")
    parser.add_argument("--folder", default="build/demo")
    args = parser.parse_args()
    try:
        Demo(args.program, args.folder).play()
    except Failed as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
