"""Ordinary collections, from outside: tools write, read, delete; partners without Renkei write into inboxes and read
nothing; what they write waits in quarantine where policy says so, and reaches nobody without a decision."""

import datetime
import json
import time

import taxii_nodes

try:
    import requests
except ImportError:
    taxii_nodes.skip("the Python package requests is not here")

from taxii_accounts import TAXII, Accounts, session
from taxii_nodes import indicator


def post(s, collection, objects, code=202):
    reply = s.post(f"{s.base}collections/{collection}/objects/", data=json.dumps({"objects": objects}))
    assert reply.status_code == code, (reply.status_code, reply.text)
    return reply.json()


def get(s, path, code=200, **query):
    reply = s.get(s.base + path, params=query)
    assert reply.status_code == code, (path, query, reply.status_code, reply.text)
    assert reply.headers["Content-Type"] == TAXII
    return reply.json()


def names(page):
    return [(o["id"][-3:], o["modified"][17:19]) for o in page.get("objects", [])]


def who_may_what(node, accounts):
    """Each caller sees its collections and rights, and nothing of others."""
    tool, reader, outside = (session(node, n, accounts) for n in ("tool", "reader", "acme"))
    assert [(c["alias"], c["can_read"], c["can_write"]) for c in get(tool, "collections/")["collections"]] == [
        ("sandbox", True, True)]
    assert get(reader, "collections/sandbox/")["can_write"] is False
    assert [(c["alias"], c["can_read"], c["can_write"]) for c in get(outside, "collections/")["collections"]] == [
        ("inbox", False, True), ("drop", False, True)]
    get(outside, "collections/sandbox/", 404)
    get(outside, "collections/drop/objects/", 403)
    post(reader, "sandbox", [indicator(1)], 403)
    refused = accounts.say("sato", "collection", "grant", "sandbox", "--to", "party:ACME", "--read", code=2)
    assert "by a decision" in refused.stderr
    refused = accounts.say("sato", "collection", "grant", "sandbox", "--to", "account:acme", "--read", code=2)
    assert "by a decision" in refused.stderr
    nobody = session(node)
    reply = nobody.get(nobody.base + "collections/")
    assert reply.status_code == 401 and "Basic" in reply.headers["WWW-Authenticate"]
    nobody.auth = ("tool", "wrong password here")
    assert nobody.get(nobody.base + "collections/").status_code == 401
    token = session(node, token=accounts.token("tool"))
    assert get(token, "collections/sandbox/")["can_write"] is True
    revoked = accounts.results("token", "list", who="tool")[0]["id"]
    accounts.results("token", "revoke", revoked, who="tool")
    assert token.get(token.base + "collections/").status_code == 401


def versions_and_filters(node, accounts):
    tool = session(node, "tool", accounts)
    status = post(tool, "sandbox", [indicator(1, 10), indicator(2, 10), indicator(1, 30)])
    assert (status["status"], status["success_count"], status["failure_count"]) == ("complete", 3, 0), status
    assert get(tool, f"status/{status['id']}/") == status
    post(tool, "sandbox", [indicator(1, 20)])  # an older version that comes later is not the last
    again = post(tool, "sandbox", [indicator(1, 20)])
    assert again["success_count"] == 1, "the same once more is no error"
    objects = "collections/sandbox/objects/"
    assert names(get(tool, objects)) == [("002", "10"), ("001", "30")]
    assert names(get(tool, objects, **{"match[version]": "first"})) == [("001", "10"), ("002", "10")]
    assert names(get(tool, objects, **{"match[version]": "all"})) == [("001", "10"), ("002", "10"), ("001", "30"), ("001", "20")]
    one = indicator(1)["id"]
    assert names(get(tool, objects, **{"match[version]": "2024-01-01T00:00:20.000Z", "match[id]": one})) == [("001", "20")]
    assert names(get(tool, objects + one + "/", **{"match[version]": "first,last"})) == [("001", "10"), ("001", "30")]
    assert len(get(tool, f"{objects}{one}/versions/")["versions"]) == 3
    assert get(tool, objects, **{"match[spec_version]": "2.0"}) == {}
    assert get(tool, objects, **{"match[type]": "malware"}) == {}
    page = get(tool, objects, limit=1)
    assert page["more"] and names(get(tool, objects, limit=1, next=page["next"])) == [("001", "30")]
    added = [o["date_added"] for o in get(tool, "collections/sandbox/manifest/", **{"match[version]": "all"})["objects"]]
    assert added == sorted(set(added)), "every date is there once"
    assert names(get(tool, objects, added_after=added[1])) == [("001", "30")]
    get(tool, objects + indicator(9)["id"] + "/", 404)
    get(tool, "status/00000000-0000-4000-8000-000000000000/", 404)
    get(session(node, "reader", accounts), f"status/{status['id']}/", 404)


def deleting(node, accounts):
    tool = session(node, "tool", accounts)
    url = f"{tool.base}collections/sandbox/objects/{indicator(1)['id']}/"
    get(tool, "collections/sandbox/objects/")
    assert tool.delete(url, params={"match[version]": "last"}).status_code == 200
    assert names(get(tool, "collections/sandbox/objects/")) == [("002", "10"), ("001", "20")], "the version before is back"
    assert session(node, "reader", accounts).delete(url).status_code == 403
    assert session(node, "acme", accounts).delete(url).status_code == 404
    assert tool.delete(url, params={"match[version]": "2024-01-01T00:00:59.000Z"}).status_code == 404
    assert tool.delete(url, params={"match[spec_version]": "2.0"}).status_code == 404, "there is none of STIX 2.0"
    assert tool.delete(url).status_code == 200
    assert tool.delete(url).status_code == 404
    assert names(get(tool, "collections/sandbox/objects/")) == [("002", "10")]
    red = {"object_marking_refs": ["marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"]}
    post(tool, "sandbox", [indicator(1, 30)])
    assert names(get(tool, "collections/sandbox/objects/")) == [("002", "10"), ("001", "30")], "and can be added again"
    post(tool, "sandbox", [indicator(3) | red])


def formats_and_roots(node, accounts):
    """Another API root, STIX 2.0 beside 2.1, and what is neither."""
    tool = session(node, "tool", accounts, root="lab")
    discovery = tool.get(f"{node.url}/taxii2/").json()
    assert discovery["api_roots"] == [f"{node.url}/api/live/", f"{node.url}/api/lab/"]
    assert get(tool, "")["title"] == "lab"
    reader = session(node, "reader", accounts, root="lab")
    get(reader, "", 404)
    get(reader, "collections/", 404)
    bare = tool.get(tool.base + "collections", allow_redirects=False)
    assert (bare.status_code, bare.headers["Location"]) == (308, "/api/lab/collections/")
    old = {k: v for k, v in indicator(5).items() if k not in ("spec_version", "pattern_type")} | {"labels": ["benign"]}
    assert post(tool, "both", [old, indicator(5, 1)])["success_count"] == 2
    objects = "collections/both/objects/"
    assert [o.get("spec_version") for o in get(tool, objects)["objects"]] == ["2.1"], "the newest held"
    assert [o.get("spec_version") for o in get(tool, objects, **{"match[spec_version]": "2.0"})["objects"]] == [None]
    assert len(get(tool, objects, **{"match[spec_version]": "2.0,2.1", "match[version]": "all"})["objects"]) == 2
    kinds = [o["media_type"][-3:] for o in get(tool, "collections/both/manifest/", **{"match[spec_version]": "2.0,2.1", "match[version]": "all"})["objects"]]
    assert kinds == ["2.0", "2.1"]
    note = {"id": "x-verdict--00000000-0000-4000-8000-000000000001", "verdict": "clean"}
    assert post(tool, "verdicts", [note, {"verdict": "no id"}])["failure_count"] == 1
    assert get(tool, "collections/verdicts/objects/")["objects"] == [note]
    assert get(tool, "collections/verdicts/manifest/")["objects"][0]["media_type"] == "application/vnd.example+json"
    status = post(tool, "verdicts", [note])
    get(session(node, "tool", accounts), f"status/{status['id']}/", 404)  # of the other API root
    live = session(node, "tool", accounts)
    refused = post(live, "sandbox", [old])
    assert refused["failure_count"] == 1 and "does not take" in refused["failures"][0]["message"], refused


def national(node, accounts, folder):
    key = [a["key"] for a in accounts.results("account", "list") if a["name"] == "sato"][0]
    policy = folder / "national.yaml"
    policy.write_text(f"renkei: national-policy/v1\nparty: {node.party}\nversion: 1\n"
                      f"effective: {datetime.date(2020, 1, 1)}\nofficer: \"{key}\"\nquarantine: [ACME]\nrules: []\n")
    accounts.results("policy", "install", policy)


def erased(node, accounts):
    """What is erased for a legal reason is in no collection any more, whatever was prepared or asked for before."""
    tool = session(node, "tool", accounts)
    post(tool, "sandbox", [indicator(8), indicator(8, 30)])
    objects = "collections/sandbox/objects/"
    for _ in range(3):
        assert indicator(8)["id"] in [o["id"] for o in get(tool, objects)["objects"]]
    accounts.results("erase", indicator(8)["id"], "--reason", "an order of the court")
    for query in ({}, {"match[version]": "all"}, {"match[id]": indicator(8)["id"]}):
        assert indicator(8)["id"] not in [o["id"] for o in get(tool, objects, **query).get("objects", [])]
    get(tool, f"{objects}{indicator(8)['id']}/", 404)


def members(node, accounts):
    """A member's tool writes; what it wrote is held as the member's."""
    member = session(node, "agency", accounts)
    assert [(c["alias"], c["can_read"], c["can_write"]) for c in get(member, "collections/")["collections"]] == [("drop", False, True)]
    assert post(member, "drop", [indicator(300)])["success_count"] == 1
    assert accounts.results("show", indicator(300)["id"])[0]["source"] == "member:AGENCY-1"
    assert "names no member" in accounts.say("sato", "account", "add", "x", "--for", "member:NOBODY", new="x", code=2).stderr


def large(node, accounts):
    """A post that takes longer than a moment is answered with a pending status, which becomes complete."""
    tool = session(node, "tool", accounts)
    many = [indicator(n) for n in range(100000, 160000)]
    status = post(tool, "sandbox", many)
    assert status["status"] == "complete" or status["pending_count"] == len(many)
    for _ in range(600):
        if status["status"] == "complete":
            break
        time.sleep(0.1)
        status = get(tool, f"status/{status['id']}/")
    assert status["success_count"] == len(many) and "successes" not in status, "so many are not listed one by one"


def state_of(accounts, number):
    return accounts.results("show", indicator(number)["id"])[0]["state"]


def inboxes(pair, node, accounts):
    """A partner without Renkei writes; it counts for nothing until it is accepted, and then goes out by decision only."""
    outside = session(node, "acme", accounts)
    assert post(outside, "drop", [indicator(200)])["success_count"] == 1
    assert state_of(accounts, 200) == "current", "what came before the policy counts at once"
    national(node, accounts, pair.folder)
    waiting = [indicator(n) for n in (201, 202, 203)]
    assert post(outside, "drop", waiting)["success_count"] == 3
    assert post(outside, "inbox", [indicator(204)])["success_count"] == 1
    post(outside, "drop", waiting)
    listed = accounts.results("quarantine", "list")
    assert [o["id"] for o in listed] == [indicator(n)["id"] for n in (201, 202, 203, 204)], listed
    assert {o["from"] for o in listed} == {"account:acme"}
    assert state_of(accounts, 201) == "quarantined"
    accounts.results("quarantine", "accept", indicator(201)["id"], indicator(204)["id"])
    accounts.results("quarantine", "refuse", indicator(202)["id"])
    assert [o["id"] for o in accounts.results("quarantine", "list")] == [indicator(203)["id"]]
    assert (state_of(accounts, 201), state_of(accounts, 202)) == ("current", "quarantined")
    accounts.results("quarantine", "accept", "--from", "account:acme")
    assert accounts.results("quarantine", "list") == []
    accounts.results("collection", "grant", "drop", "--to", "account:reader", "--read")
    read = get(session(node, "reader", accounts), "collections/drop/objects/")
    assert [o["id"] for o in read["objects"]] == [indicator(n)["id"] for n in (300, 200, 201, 203)]
    partner = session(node)
    partner.cert = pair.us.client_certificate
    feed = get(partner, "collections/feed/objects/", limit=1000)
    given = {o["id"] for o in feed.get("objects", [])}
    assert indicator(2)["id"] in given, "what the agreement covers goes out like everything else this party has"
    out = given & {indicator(n)["id"] for n in (3, 200, 201, 202, 203, 204)}
    assert not out, (out, "is marked red, or not this party's to pass on")
    accounts.results("collection", "delete", "drop")
    get(outside, "collections/drop/", 404)


def feeds(pair, node, accounts):
    """A partner's tool without its certificate reads the partner's feed, while the partner is trusted."""
    tool = session(node, "usdod", accounts)
    assert [c["alias"] for c in get(tool, "collections/")["collections"]] == ["feed", "inbox"]
    assert get(tool, "collections/feed/objects/")["objects"]
    reply = tool.get(f"{node.url}/renkei/v1/ledgers/")
    assert reply.status_code == 401, "tiles and cosignatures are for the partner's node"
    accounts.results("party", "remove", "US-DOD")
    get(tool, "collections/feed/objects/", 404)
    assert [c["alias"] for c in get(tool, "collections/")["collections"]] == ["inbox"]
    accounts.results("account", "disable", "usdod")
    assert tool.get(tool.base + "collections/").status_code == 401, "at once, although its password was proven a moment ago"


def main():
    with taxii_nodes.Pair() as pair:
        node = pair.jp
        accounts = Accounts(node)
        with open(node.home / "renkei.yaml", "a", encoding="utf-8") as f:
            f.write("members: [{id: AGENCY-1, name: An agency}]\n")
        for name, acts_for in (("tool", "own"), ("reader", "own"), ("acme", "party:ACME"), ("agency", "member:AGENCY-1"),
                               ("usdod", "party:US-DOD")):
            accounts.add(name, acts_for)
        node.serve()
        accounts.collection("sandbox", "--title", "Verdicts", grants=[("account:tool", ["read", "write"]), ("account:reader", ["read"])])
        accounts.collection("drop", grants=[("party:ACME", ["write"]), ("member:AGENCY-1", ["write"])])
        accounts.collection("both", "--root", "lab", "--media-type", "application/stix+json;version=2.1", "--media-type",
                            "application/stix+json;version=2.0", grants=[("account:tool", ["read", "write"])])
        accounts.collection("verdicts", "--root", "lab", "--media-type", "application/vnd.example+json",
                            grants=[("account:tool", ["read", "write"])])
        who_may_what(node, accounts)
        versions_and_filters(node, accounts)
        deleting(node, accounts)
        formats_and_roots(node, accounts)
        members(node, accounts)
        erased(node, accounts)
        inboxes(pair, node, accounts)
        large(node, accounts)
        feeds(pair, node, accounts)
    print("ok")


main()
