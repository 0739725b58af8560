"""Requests made to be misread, broken TLS, deep and compressed bodies, and the keys: what an attacker sends is answered once
or not at all, others are served all the while, what was acknowledged is there, and the process that reads the network holds
no private key."""

import contextlib
import gzip
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess

import hostile_network
import taxii_nodes

INBOX = "/api/live/collections/inbox/objects/"
HIDDEN = b"GET /taxii2/ HTTP/1.1\r\nHost: x\r\nAccept: application/taxii+json;version=2.1\r\n\r\n"
BODY_MAX = 100 << 20

# Where does the body end? Header lines, then what follows them. Whoever answers the hidden request as well could be made to
# read another's request differently from a proxy before it.
AMBIGUOUS = {
    "length and chunked": ("Content-Length: 4|Transfer-Encoding: chunked", b"0\r\n\r\n"),
    "chunked and length": ("Transfer-Encoding: chunked|Content-Length: 4", b"0\r\n\r\n"),
    "two lengths": ("Content-Length: 0|Content-Length: 5", b""),
    "the same length twice": ("Content-Length: 0|Content-Length: 0", b""),
    "a list of lengths": ("Content-Length: 0, 0", b""),
    "a negative length": ("Content-Length: -1", b""),
    "a signed length": ("Content-Length: +0", b""),
    "a length in hex": ("Content-Length: 0x0", b""),
    "a length over 64 bits": ("Content-Length: 18446744073709551616", b""),
    "another coding": ("Transfer-Encoding: xchunked", b"0\r\n\r\n"),
    "two codings": ("Transfer-Encoding: chunked, identity", b"0\r\n\r\n"),
    "coding twice": ("Transfer-Encoding: chunked|Transfer-Encoding: chunked", b"0\r\n\r\n"),
    "blank before the colon": ("Transfer-Encoding : chunked", b"0\r\n\r\n"),
    "bare LF": ("X-A: b\nTransfer-Encoding: chunked|Content-Length: 0", b""),
    "bare CR": ("X-A: b\rTransfer-Encoding: chunked|Content-Length: 0", b""),
    "chunk of no size": ("Transfer-Encoding: chunked", b"zz\r\n\r\n"),
    "chunk of negative size": ("Transfer-Encoding: chunked", b"-1\r\n\r\n"),
    "chunk size with 0x": ("Transfer-Encoding: chunked", b"0x0\r\n\r\n"),
    "chunk size over 64 bits": ("Transfer-Encoding: chunked", b"10000000000000000\r\n\r\n"),
    "chunk longer than it says": ("Transfer-Encoding: chunked", b"2\r\nabc\r\n0\r\n\r\n"),
}

BROKEN_TLS = {
    "no TLS at all": b"GET / HTTP/1.1\r\n\r\n",
    "random bytes": os.urandom(4000),
    "a record longer than allowed": b"\x16\x03\x01\xff\xff" + b"\x01" * 70000,
    "an empty handshake": b"\x16\x03\x01\x00\x00" * 2000,
    "a hello of 16 MB": b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + b"\0" * 16380,
    "a hello cut short": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 40,
    "alerts only": b"\x15\x03\x03\x00\x02\x01\x00" * 5000,
    "application data first": b"\x17\x03\x03\x00\x10" + b"\0" * 16,
}


def talk(node, data, context=None, seconds=2.0):
    """All that comes back until the other side ends it or is silent."""
    got = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", node.port), 5) as plain:
        with context.wrap_socket(plain) if context else plain as s:
            s.settimeout(seconds)
            s.sendall(data)
            while more := s.recv(65536):
                got += more
    return got


def statuses(answer):
    return [int(n) for n in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer) if n != b"100"]


def post(headers, body, path=INBOX):
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nAccept: {hostile_network.TAXII}\r\nContent-Type: {hostile_network.TAXII}\r\n"
            + headers.replace("|", "\r\n") + "\r\n\r\n").encode() + body


def misread(node, context):
    assert statuses(talk(node, HIDDEN + HIDDEN, context, 0.7)) == [200, 200], "requests may follow one another"
    wrong = []
    for name, (headers, body) in AMBIGUOUS.items():
        got = statuses(talk(node, post(headers, body) + HIDDEN, context, 0.7))
        if any(status < 400 for status in got):
            wrong.append((name, got))
    assert not wrong, wrong
    folded = post("X-A: b| Transfer-Encoding: chunked|Content-Length: 0", b"")
    assert statuses(talk(node, folded + HIDDEN, context, 0.7)) in ([400, 200], [400]), "a folded line belongs to the field before"
    long_line = b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    assert all(s >= 400 for s in statuses(talk(node, long_line, context, 0.7)))
    assert statuses(talk(node, post("|".join(f"X-{n}: y" for n in range(500)) + "|Content-Length: 0", b""), context, 0.7)) == [431]


def broken_tls(node):
    for name, data in BROKEN_TLS.items():
        got = talk(node, data, seconds=0.3)
        assert b"HTTP/1.1 2" not in got, (name, got[:100])
    for versions in ("-tls1", "-tls1_1"):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{node.port}", versions, "-cipher", "ALL:@SECLEVEL=0"],
                              input=HIDDEN, capture_output=True, timeout=20)
        assert b"HTTP/1.1" not in done.stdout and b"Cipher is (NONE)" in done.stdout, (versions, done.stdout[-500:])
    for n in range(50):  # gone in the middle of the handshake
        s = socket.create_connection(("127.0.0.1", node.port), 5)
        held, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        with contextlib.suppress(ssl.SSLWantReadError):
            hostile_network.tls().wrap_bio(held, out).do_handshake()
        hello = out.read()
        s.sendall(hello[: 1 + n * len(hello) // 50])
        s.close()


def stranger(pair, node, path):
    """A certificate that nobody knows, and one that has expired, give nobody's rights."""
    for name, days in (("unknown", "1"), ("expired", "-1")):
        key, crt = pair.folder / f"{name}.key", pair.folder / f"{name}.crt"
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", crt, "-subj",
                               "/CN=" + "x" * 60, "-days", days], capture_output=True)
        if made.returncode:
            continue  # this openssl makes no expired ones
        assert hostile_network.ask(node, hostile_network.tls((crt, key)), path)[0] in (401, 403, 404)


def bodies(node, context):
    """Deep, odd and compressed ones: refused or reported, object by object."""
    deep = b'{"objects":[{"type":"indicator","x":' + b'{"a":' * 200000 + b"1" + b"}" * 200000 + b"}]}"
    cases = {
        "deep lists": (b'{"objects":[' + b"[" * 1000000, "", {400, 413}),
        "a deep object": (deep, "", {202, 400}),
        "many keys": (b"{" + b",".join(b'"k%d":0' % n for n in range(200000)) + b"}", "", {400, 422}),
        "half a surrogate": (b'{"objects":[{"type":"\\ud800"}]}', "", {202, 400}),
        "a number without end": (b'{"objects":[{"type":"x","n":' + b"9" * 1000000 + b"}]}", "", {202, 400}),
        "compressed": (gzip.compress(b" " * (1 << 20)), "|Content-Encoding: gzip", {415}),
        "compressed otherwise": (b"\x28\xb5\x2f\xfd" * 10, "|Content-Encoding: zstd", {415}),
    }
    for name, (body, headers, expected) in cases.items():
        answer = talk(node, post(f"Content-Length: {len(body)}|Connection: close{headers}", body), context, 10)
        got = statuses(answer)
        assert len(got) == 1 and got[0] in expected, (name, answer[:500])
        assert got[0] != 202 or b'"success_count":0' in answer, (name, answer[-500:])
    assert statuses(talk(node, post(f"Content-Length: {BODY_MAX + 1}", b"{"), context, 3)) in ([413], []), "not waited for"
    body = json.dumps({"objects": [taxii_nodes.indicator(90000)]}).encode()
    answer = talk(node, post(f"Content-Length: {len(body)}|Connection: close", body), context, 10)
    assert statuses(answer) == [202] and b'"success_count":1' in answer, answer


def private_keys(node):
    """Each private key's bytes as they stand in memory: seeds, and the scalar of the TLS key."""
    newest = max((node.home / "keys").iterdir(), key=lambda p: int(p.name))
    text = subprocess.run(["openssl", "pkey", "-in", newest / "tls.key", "-noout", "-text"], capture_output=True, text=True, check=True).stdout
    scalar = bytes.fromhex(re.search(r"priv:\s*([0-9a-f:\s]+)pub:", text).group(1).replace(":", "").replace("\n", "").replace(" ", ""))
    scalar = scalar[-32:].rjust(32, b"\0")
    return {"agreement": (newest / "agreement.key").read_bytes(), "log": (newest / "log.key").read_bytes(),
            "TLS": scalar, "TLS, as libraries keep it": scalar[::-1], "TLS, in PEM": (newest / "tls.key").read_bytes().split(b"\n")[1]}


def found_in_memory(pid, wanted):
    found = set()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            first, last = (int(x, 16) for x in line.split()[0].split("-"))
            if "r" not in line.split()[1] or "[v" in line or last - first > 1 << 30:  # a sanitizer's shadow
                continue
            with contextlib.suppress(OSError, OverflowError):
                memory.seek(first)
                part = memory.read(last - first)
                found |= {name for name, secret in wanted.items() if secret in part}
    return found


def keys_out_of_reach(node):
    pid = node.process.pid
    signer = int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    secrets = private_keys(node)
    try:
        assert {"agreement", "log"} <= found_in_memory(signer, secrets), "the search finds what is there"
    except PermissionError:
        print("memory of processes cannot be read here: not looked at")
        return
    assert not found_in_memory(pid, secrets), "a private key in the process that reads the network"
    files = [os.readlink(f) for f in pathlib.Path(f"/proc/{pid}/fd").iterdir() if f.is_symlink()]
    assert files and not [f for f in files if "/keys" in f], files
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    assert re.search(r"^NoNewPrivs:\s1$", status, re.M) and re.search(r"^Seccomp:\s2$", status, re.M), status


def main():
    with taxii_nodes.Pair() as pair:
        node = pair.jp
        hostile_network.give(pair)
        node.serve()
        honest = hostile_network.Honest(pair)
        partner = hostile_network.tls(pair.us.client_certificate)
        with honest.during("requests made to be misread"):
            misread(node, partner)
        with honest.during("broken TLS"):
            broken_tls(node)
            stranger(pair, node, honest.path)
        with honest.during("deep and compressed bodies"):
            bodies(node, partner)
        keys_out_of_reach(node)
        hostile_network.intact(pair)
        assert node.results("show", taxii_nodes.indicator(90000)["id"]), "what was acknowledged"
    print("ok")


main()
