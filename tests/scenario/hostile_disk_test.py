"""The disk is full: what cannot be written is refused with a clear message, pages are served all the while, and writing goes on
when there is room. The disk is read-only: import and serve say so. Afterwards what was acknowledged is there."""

import json
import os
import pathlib
import subprocess

import hostile_network
import taxii_nodes

DISK_MIB = 24
INBOX = "/api/live/collections/inbox/objects/"


def mount(*arguments):
    return subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)


def post(node, context, objects):
    import http.client

    c = http.client.HTTPSConnection("127.0.0.1", node.port, timeout=30, context=context)
    c.request("POST", INBOX, json.dumps({"objects": objects}), {"Accept": hostile_network.TAXII, "Content-Type": hostile_network.TAXII})
    reply = c.getresponse()
    body = json.loads(reply.read())
    c.close()
    return reply.status, body


def posted(node, context, number, size=0):
    """Whether the object was acknowledged; else what was said instead."""
    o = taxii_nodes.indicator(number) | ({"description": os.urandom(size // 2).hex()} if size else {})
    status, body = post(node, context, [o])
    return status == 202 and body.get("success_count") == 1, (status, body)


def imported(pair, first, count, size):
    file = pair.folder / "more.json"
    file.write_text(json.dumps(taxii_nodes.bundle([taxii_nodes.indicator(first + n) | {"description": os.urandom(size // 2).hex()} for n in range(count)])))
    return pair.jp.run("import", "--tlp", "red", file, check=False)


def refused(pair, context, why):
    """An import and a post while nothing can be written."""
    done = imported(pair, 500000, 3000, 20000)
    print(f"{why}: import: {done.stderr.strip()[-200:]}")
    assert done.returncode and any(w in done.stderr.lower() for w in ("full", "space", "read-only", "readonly")), done
    ok, said = posted(pair.jp, context, 600000, 1 << 20)
    print(f"{why}: post: {said}"[:300])
    assert not ok and said[0] in (202, 500, 503, 507), said


def check(pair, home):
    jp, context = pair.jp, hostile_network.tls(pair.us.client_certificate)
    acknowledged = [n for n in range(70000, 70010) if posted(jp, context, n)[0]]
    assert len(acknowledged) == 10
    honest = hostile_network.Honest(pair)
    ballast = home / "ballast"
    with honest.during("a full disk"):
        with open(ballast, "wb", buffering=0) as f:
            try:
                while f.write(b"\0" * 65536):
                    pass
            except OSError:
                pass
        refused(pair, context, "full")
    ballast.unlink()
    ok, said = posted(jp, context, 70010)
    assert ok, said
    jp.stop()
    assert mount("-o", "remount,ro", home).returncode == 0
    done = jp.run("import", pair.folder / "more.json", check=False)
    print(f"read-only: {done.stderr.strip()[-200:]}")
    assert done.returncode and "read" in done.stderr.lower(), done
    done = subprocess.run([taxii_nodes.PROGRAM, "--home", home, "serve", "--port-file", pair.folder / "port"], capture_output=True, text=True, timeout=20)
    print(f"read-only: serve: {done.stderr.strip()[-200:]}")
    assert done.returncode and "read" in done.stderr.lower(), done
    assert mount("-o", "remount,rw", home).returncode == 0
    jp.serve()
    ok, said = posted(jp, context, 70011)
    assert ok, said
    for n in acknowledged + [70010, 70011]:
        assert jp.results("show", taxii_nodes.indicator(n)["id"]), f"{n} was acknowledged"
    hostile_network.intact(pair, 1)


def main():
    if os.geteuid() != 0:
        taxii_nodes.skip("mounting a small disk takes root")
    if os.environ.get("RENKEI_NODE_STORE") == "postgres":
        taxii_nodes.skip("the store is on PostgreSQL's disk")
    with taxii_nodes.Pair() as pair:
        home = pathlib.Path(pair.jp.home)
        kept = home.rename(home.with_name("kept"))
        home.mkdir(mode=0o700)
        if mount("-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0700", "tmpfs", home).returncode:
            taxii_nodes.skip("a small disk cannot be mounted here")
        try:
            subprocess.run(["cp", "-a", f"{kept}/.", home], check=True)
            hostile_network.give(pair, 300)
            pair.jp.serve()
            check(pair, home)
        finally:
            pair.jp.stop()
            subprocess.run(["umount", "-l", home], check=True)  # lazily: a file may still be open
    print("ok")


main()
