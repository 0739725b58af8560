"""OASIS's own TAXII client pages through a feed and gets every object; it posts to the inbox; US-DOD's sync gets the same."""

import json
import ssl
import time
import urllib.error
import urllib.request

import taxii_nodes

try:
    from taxii2client.v21 import Server, as_pages
    import requests
except ImportError:
    taxii_nodes.skip("the Python package taxii2-client is not here")

COUNT = 1234


def connect(pair):
    jp, us = pair.jp, pair.us
    server = Server(f"{jp.url}/taxii2/", verify=jp.key_file("tls.crt"), cert=us.client_certificate)
    assert server.title == "The node of JP-MOD", server.title
    root = server.default
    assert root.versions == ["application/taxii+json;version=2.1"], root.versions
    feed, inbox = root.collections
    assert (feed.can_read, feed.can_write) == (True, False)
    assert (inbox.can_read, inbox.can_write) == (False, True)
    return root, feed, inbox


def ids(objects):
    return {o["id"] for o in objects}


def pages_hold_everything(feed, expected):
    for per_request in (100, 7, 1000):
        objects = [o for page in as_pages(feed.get_objects, per_request=per_request) for o in page.get("objects", [])]
        assert len(objects) == len(expected) and ids(objects) == expected, (per_request, len(objects))


def filters_filter(feed):
    one = taxii_nodes.indicator(3)["id"]
    assert len(feed.get_objects(id=one)["objects"]) == 1
    assert len(feed.get_object(one)["objects"]) == 1
    assert feed.get_object(one)["objects"][0]["modified"].endswith(":05.000Z")
    assert len(feed.get_object(one, version="all")["objects"]) == 2
    assert len(feed.object_versions(one)["versions"]) == 2
    assert ids(feed.get_objects(type=["identity"])["objects"])
    assert feed.get_objects(type="malware") == {}
    manifest = feed.get_manifest(limit=10)
    assert len(manifest["objects"]) == 10 and manifest["more"] is True


def manifest_pages_by_date(pair, feed, expected):
    session = requests.Session()
    session.cert = pair.us.client_certificate
    session.verify = pair.jp.key_file("tls.crt")
    session.headers["Accept"] = "application/taxii+json"
    seen, after = [], "2000-01-01T00:00:00Z"
    while True:
        reply = session.get(f"{feed.url}manifest/", params={"limit": 250, "added_after": after})
        assert reply.status_code == 200, reply.text
        page = reply.json()
        seen += [o["id"] for o in page.get("objects", [])]
        if not page.get("more"):
            break
        after = reply.headers["X-TAXII-Date-Added-Last"]
    assert len(seen) == len(expected) and set(seen) == expected


def strangers_are_refused(pair):
    context = ssl.create_default_context(cafile=pair.jp.key_file("tls.crt"))
    try:
        urllib.request.urlopen(f"{pair.jp.url}/taxii2/", context=context)
    except urllib.error.HTTPError as refused:
        assert refused.code == 401 and refused.headers["WWW-Authenticate"]
        return
    raise AssertionError("a stranger was let in")


def inbox_takes(pair, inbox):
    posted = [taxii_nodes.indicator(n) for n in range(50000, 50020)]
    status = inbox.add_objects({"objects": posted}, wait_for_completion=True, timeout=30)
    assert status.status == "complete" and status.success_count == 20, status._raw
    assert inbox.add_objects(taxii_nodes.bundle(posted), timeout=30).failure_count == 0
    held = pair.jp.results("show", posted[7]["id"])
    assert held, "what was posted is not held"


def sync_gets_the_same(pair, count):
    done = pair.us.results("sync", "JP-MOD")[-1]
    assert done["added"] == count, done
    ledger = done["ledgers"][0]
    assert ledger["verified"] and ledger["cosigned"], done
    again = pair.us.results("sync", "JP-MOD")[-1]
    assert again["read"] == 0 and again["ledgers"][0]["verified"], again


def rotation(pair):
    pair.jp.run("key", "rotate")
    pair.us.run("key", "rotate")
    more = pair.folder / "more.json"
    more.write_text(json.dumps(taxii_nodes.bundle([taxii_nodes.indicator(70000)])))
    pair.jp.run("import", "--tlp", "green", more)
    for _ in range(20):  # serve takes the new key up a moment after the command
        done = (pair.us.results("sync", "JP-MOD", check=False) or [{}])[-1]
        if done.get("ledgers"):
            break
        time.sleep(0.2)
    assert done["ledgers"][0]["verified"] and done["ledgers"][0]["cosigned"], done
    assert pair.us.results("show", taxii_nodes.indicator(70000)["id"])


def main():
    with taxii_nodes.Pair() as pair:
        first = pair.folder / "first.json"
        first.write_text(json.dumps(taxii_nodes.bundle([taxii_nodes.indicator(n) for n in range(COUNT)])))
        newer = pair.folder / "newer.json"
        newer.write_text(json.dumps(taxii_nodes.bundle([taxii_nodes.indicator(n, 5) for n in range(10)])))
        pair.jp.run("import", "--tlp", "green", first)
        pair.jp.run("import", "--tlp", "green", newer)
        pair.jp.serve()
        root, feed, inbox = connect(pair)
        expected = {taxii_nodes.indicator(n)["id"] for n in range(COUNT)}
        released = {o["id"] for page in as_pages(feed.get_objects, per_request=500) for o in page["objects"]}
        assert expected <= released, "indicators are missing"
        pages_hold_everything(feed, released)
        manifest_pages_by_date(pair, feed, released)
        filters_filter(feed)
        strangers_are_refused(pair)
        inbox_takes(pair, inbox)
        sync_gets_the_same(pair, len(released) + 10)
        rotation(pair)
    print("ok")


main()
