"""A node's store moves from a file into PostgreSQL and back: everything there, ledgers the same to the byte, the old store out of reach."""

import json
import os
import uuid

import taxii_nodes
from taxii_nodes import bundle, indicator

COUNT = 400


def content(pair, name, objects):
    path = pair.folder / name
    path.write_text(json.dumps(bundle(objects)))
    return path


def seen(node):
    """What a node says of itself, in an order that no store decides."""
    said = {
        "ledgers": node.results("ledger", "show"),
        "entries": node.results("ledger", "entries", "--limit", "10000"),
        "audit": node.results("audit", "list"),
        "history": [node.results("show", indicator(n)["id"], "--history") for n in (0, 7, COUNT - 1)],
        "found": sorted(r["id"] for r in node.results("search", "host")),
        "disclosed": node.results("disclosed", "--to", "US-DOD"),
    }
    return said


def fill(pair):
    jp, us = pair.jp, pair.us
    jp.run("import", "--tlp", "green", content(pair, "a.json", [indicator(n) for n in range(COUNT)]))
    newer = [dict(indicator(n), modified="2027-01-01T00:00:00.000Z", name=f"host {n} again") for n in range(20)]
    jp.run("import", "--tlp", "green", content(pair, "b.json", newer))
    jp.run("import", "--tlp", "red", content(pair, "c.json", [indicator(n) for n in range(COUNT, COUNT + 50)]))
    jp.run("withdraw", indicator(3)["id"], "--from", "US-DOD")
    us.run("import", "--tlp", "green", content(pair, "d.json", [indicator(n) for n in range(5000, 5040)]))


def exchange(pair):
    for giver, taker in ((pair.jp, pair.us), (pair.us, pair.jp)):
        giver.serve()
        done = taker.results("sync", giver.party)[-1]
        assert all(ledger["verified"] and ledger["cosigned"] for ledger in done["ledgers"]), done
        giver.stop()
    pair.jp.run("ledger", "audit")


def moved(node, *to):
    before = seen(node)
    said = node.run("store", "copy", "--to", *to).stdout
    assert "no finding" in said and "FINDING" not in said, said
    after = seen(node)
    known = len(before["audit"])
    assert after["audit"][:known] == before["audit"]
    assert "store.copy" in [entry["operation"] for entry in after["audit"][known:]]
    before["audit"] = after["audit"] = None
    assert after == before, [key for key in before if before[key] != after[key]]
    assert node.run("audit", "verify").returncode == 0


def main():
    server = os.environ.get("RENKEI_TEST_POSTGRES") or taxii_nodes.skip("RENKEI_TEST_POSTGRES names no PostgreSQL (./run test starts one)")
    database = f"{server}{'&' if '?' in server else '?'}schema=c{uuid.uuid4().hex[:12]}"
    with taxii_nodes.Pair() as pair:
        jp = pair.jp
        fill(pair)
        exchange(pair)
        store = jp.home / "realms/live/store.db"

        jp.serve()
        refused = jp.run("store", "copy", "--to", database, check=False)
        assert refused.returncode == 2 and "is running" in refused.stderr, refused
        jp.stop()
        assert jp.run("store", "copy", "--to", "mysql://x", check=False).returncode == 2
        refused = jp.run("store", "copy", "--to", "file", check=False)
        assert refused.returncode == 2 and "already" in refused.stderr, refused

        moved(jp, database)
        assert not store.exists() and store.with_suffix(".db.moved").exists()
        assert "store: " in (jp.home / "renkei.yaml").read_text()
        # It goes on where it was: nothing is sent twice, the partner sees one ledger grow.
        jp.run("import", "--tlp", "green", content(pair, "e.json", [indicator(n) for n in range(9000, 9030)]))
        exchange(pair)
        again = pair.us.run("store", "copy", "--to", database, check=False)
        assert again.returncode == 2 and "there is a store already" in again.stderr, again

        moved(jp, "file")
        assert store.exists() and not list(store.parent.glob("*.filling*"))
        jp.run("import", "--tlp", "green", content(pair, "f.json", [indicator(n) for n in range(9500, 9520)]))
        exchange(pair)
        jp.run("erase", indicator(5)["id"], "--reason", "a court's order")
        jp.run("ledger", "audit")
        # The schema it left is out of reach under its old name, and kept under another.
        jp.run("store", "copy", "--to", database)
    print("ok")


main()
