"""The other side is the attacker, or just goes away: a partner whose connection is cut in the middle of pages, a source that
sends bombs, endless or deep pages, or half of one. sync ends with a message that says so, in time and within its memory,
takes nothing it could not verify, and goes on where it stopped."""

import gzip
import http.server
import json
import os
import socket
import subprocess
import threading
import time
import zlib

import hostile_network
import taxii_nodes

OBJECTS = 20000
PATIENCE_S = 30
RSS_MAX_KIB = 400 << 10


def bomb():
    """One stream of 1 GiB, in 1 MiB: the same blocks again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b" " * (64 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + block * 16


BOMB = bomb()


class Cutter:
    """Stands where the partner's card says the partner is, and ends the connection after so many bytes of answers."""

    def __init__(self, port, to):
        self.to, self.left = to, 0
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.to))
            for a, b, counted in ((client, server, False), (server, client, True)):
                threading.Thread(target=self.carry, args=(a, b, counted), daemon=True).start()

    def carry(self, a, b, counted):
        try:
            while data := a.recv(65536):
                if counted:
                    data, self.left = data[: max(self.left, 0)], self.left - len(data)
                b.sendall(data)
                if counted and self.left <= 0:
                    break
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def measured(node, *arguments):
    """Exit code, what it said, and the most memory it took (KiB)."""
    said = node.home / "said.txt"
    begin = time.monotonic()
    with open(said, "wb") as f:
        p = subprocess.Popen([taxii_nodes.PROGRAM, "--home", node.home, "--json", *arguments], stdout=f, stderr=f)
        timer = threading.Timer(PATIENCE_S, p.kill)
        timer.start()
        _, status, used = os.wait4(p.pid, 0)
        timer.cancel()
    assert time.monotonic() - begin < PATIENCE_S, f"{arguments} does not end"
    return os.waitstatus_to_exitcode(status), said.read_text(), used.ru_maxrss


def disappearing(pair):
    jp, us = pair.jp, pair.us
    behind = taxii_nodes.free_port()
    with open(jp.home / "renkei.yaml", "a", encoding="utf-8") as f:
        f.write(f"listen: 127.0.0.1:{behind}\n")
    hostile_network.give(pair, OBJECTS)
    jp.serve()
    cutter = Cutter(jp.port, behind)
    for allowed in (100, 5000, 50_000, 700_000, 2_000_000, 3_000_000):
        cutter.left = allowed
        code, said, _ = measured(us, "sync", "JP-MOD")
        assert code and "127.0.0.1" in said, (allowed, code, said)
        print(f"cut after {allowed} bytes: {said.strip().splitlines()[-1][:160]}")
    cutter.left = 1 << 40
    code, said, rss = measured(us, "sync", "JP-MOD")
    assert code == 0, said
    ledger = [json.loads(line) for line in said.splitlines() if line.startswith("{")][-1]["ledgers"][0]
    assert ledger["verified"] and ledger["size"] >= OBJECTS and rss < RSS_MAX_KIB, (ledger, rss)
    for n in (0, OBJECTS // 2, OBJECTS - 1):
        assert us.results("show", taxii_nodes.indicator(n)["id"])
    us.run("ledger", "verify", "--from", "JP-MOD")


PAGE = json.dumps({"more": False, "objects": [taxii_nodes.indicator(1)]}).encode()

# What the source answers: headers of its own, and the bytes.
ATTACKS = {
    "bomb": ({"Content-Encoding": "gzip"}, BOMB),
    "bomb in a bomb": ({"Content-Encoding": "gzip, gzip"}, gzip.compress(BOMB)),
    "deep": ({}, b'{"objects":[' + b"[" * 2_000_000),
    "half": ({"Content-Length": str(len(PAGE))}, PAGE[: len(PAGE) // 2]),
    "negative": ({"Content-Length": "-5"}, PAGE),
    "headers": ({f"X-{n}": "y" * 1000 for n in range(200)}, PAGE),
    "text": ({"Content-Type": "text/html"}, b"<html>sign in here</html>"),
    "broken gzip": ({"Content-Encoding": "gzip"}, BOMB[:1000] + b"x" * 1000),
}


class Hostile(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        headers, body = ATTACKS[self.path.split("/")[2]]
        self.send_response(200)
        for name, value in ({"Content-Type": hostile_network.TAXII, "Content-Length": str(len(body)), "Connection": "close"} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass
        self.close_connection = True

    def log_message(self, *_):
        pass


def attacking(pair):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    us = pair.us
    with open(us.home / "renkei.yaml", "a", encoding="utf-8") as f:
        f.write("sources:\n")
        for name in ATTACKS:
            word = name.replace(" ", "-")
            f.write(f"  - name: {word}\n    url: http://127.0.0.1:{server.server_port}/root/{name.replace(' ', '%20')}/\n")
    ATTACKS.update({name.replace(" ", "%20"): attack for name, attack in list(ATTACKS.items())})
    for name in [n for n in ATTACKS if "%" not in n]:
        code, said, rss = measured(us, "sync", name.replace(" ", "-"))
        print(f"{name}: {rss >> 10} MiB, {said.strip().splitlines()[-1][:200]}")
        assert code > 0 and "127.0.0.1" in said, (name, code, said)
        assert rss < RSS_MAX_KIB, (name, rss)
    server.shutdown()


def main():
    with taxii_nodes.Pair() as pair:
        disappearing(pair)
        attacking(pair)
    print("ok")


main()
