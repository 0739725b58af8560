"""TAXII 2.1 (OASIS Standard), clause by clause, over the wire. docs/taxii-conformance.md says which clause is driven by
which function, here and elsewhere; tests/house/house.py checks that each of them exists."""

import datetime
import http.client
import json
import re
import ssl
import uuid

import taxii_nodes

try:
    import requests
except ImportError:
    taxii_nodes.skip("the Python package requests is not here")

from taxii_accounts import TAXII, Accounts, session
from taxii_nodes import indicator

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
READS = ("manifest/", "objects/", f"objects/{indicator(1)['id']}/", f"objects/{indicator(1)['id']}/versions/")
MARKING = {"type": "marking-definition", "spec_version": "2.1", "id": "marking-definition--00000000-0000-4000-8000-000000000007",
           "created": "2024-02-02T00:00:00.000Z", "definition_type": "statement", "definition": {"statement": "ours"}}
ADDRESS = {"type": "ipv4-addr", "spec_version": "2.1", "id": "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd", "value": "198.51.100.3"}


class Server:
    """One collection with two versions of five indicators, a marking and an address; three callers."""

    def __init__(self, node, accounts):
        self.node, self.accounts = node, accounts
        self.tool, self.reader, self.writer = (session(node, n, accounts) for n in ("tool", "reader", "writer"))
        self.stranger = session(node)
        self.work = self.tool.base + "collections/work/"

    def get(self, path="", who=None, code=200, headers=None, **query):
        url = path if path.startswith("https:") else self.work + path
        reply = (who or self.tool).get(url, params=query, headers=headers)
        assert reply.status_code == code, (url, query, reply.status_code, reply.text)
        return reply

    def post(self, objects, who=None, code=202, raw=None, headers=None):
        body = raw if raw is not None else json.dumps({"objects": objects})
        reply = (who or self.tool).post(self.work + "objects/", data=body, headers=headers)
        assert reply.status_code == code, (reply.status_code, reply.text)
        return reply


# ---- data types, property names (§2, §3.8) -------------------------------------------------------------------------


def resources(s):
    root = s.get(s.tool.base).json()
    yield "discovery", s.get(s.node.url + "/taxii2/").json(), {"title": str, "description": str, "default": str, "api_roots": list}
    yield "api-root", root, {"title": str, "versions": list, "max_content_length": int}
    yield "collections", s.get(s.tool.base + "collections/").json(), {"collections": list}
    yield "collection", s.get().json(), {"id": str, "title": str, "alias": str, "can_read": bool, "can_write": bool, "media_types": list}
    yield "status", s.post([indicator(1)]).json(), {"id": str, "status": str, "request_timestamp": str, "total_count": int,
                                                    "success_count": int, "successes": list, "failure_count": int, "pending_count": int}
    yield "manifest", s.get("manifest/").json(), {"more": bool, "objects": list}
    yield "envelope", s.get("objects/").json(), {"more": bool, "objects": list}
    yield "versions", s.get(READS[3]).json(), {"more": bool, "versions": list}
    yield "error", s.get("objects/", code=400, limit=0).json(), {"title": str, "description": str, "http_status": str}


def types_and_names(s):
    """Every property has the name and type the specification gives it, and no list is empty."""
    for name, resource, properties in resources(s):
        assert set(resource) == set(properties), (name, resource)
        for key, kind in properties.items():
            assert type(resource[key]) is kind, (name, key, resource[key])
            assert kind is not list or resource[key], (name, key)


def identifiers_and_times(s):
    assert uuid.UUID(s.get().json()["id"]).version == 4
    status = s.post([indicator(1)]).json()
    assert uuid.UUID(status["id"]).version == 4 and STAMP.fullmatch(status["request_timestamp"])
    for entry in s.get("manifest/").json()["objects"]:
        assert STAMP.fullmatch(entry["date_added"])
    for path in READS:
        for end in ("First", "Last"):
            assert STAMP.fullmatch(s.get(path).headers[f"X-TAXII-Date-Added-{end}"]), path


# ---- every endpoint (§3.1, §3.2) -----------------------------------------------------------------------------------


def trailing_slash(s):
    for url in (s.node.url + "/taxii2", s.tool.base[:-1], s.work[:-1], s.work + "objects"):
        reply = s.tool.get(url, allow_redirects=False)
        assert reply.status_code == 308 and reply.headers["Location"].endswith("/"), url


def content_types(s):
    """What is defined for an endpoint is never 406 or 415, with and without a version; all answers carry the version."""
    for accept in (TAXII, "application/taxii+json", "application/taxii+json; version=2.1", "*/*", f"{TAXII},application/stix+json;version=2.1"):
        for path in ("", *READS):
            assert s.get(path, headers={"Accept": accept}).headers["Content-Type"] == TAXII
    for accept in ("application/taxii+json;version=2.0", "text/html", "application/vnd.oasis.taxii+json"):
        assert s.get(code=406, headers={"Accept": accept}).headers["Content-Type"] == TAXII
    for kind in (TAXII, "application/taxii+json", "application/taxii+json; charset=utf-8; version=2.1"):
        s.post([indicator(1)], headers={"Content-Type": kind})
    for kind in ("application/json", "application/taxii+json;version=2.0", "application/stix+json;version=2.1"):
        assert s.post([indicator(1)], code=415, headers={"Content-Type": kind}).headers["Content-Type"] == TAXII


def errors(s):
    """Errors are TAXII's own, whoever makes them, and http_status is the status."""
    replies = [s.get(code=404, path="objects/malware--00000000-0000-4000-8000-000000000001/"), s.get("objects/", code=400, next="?"),
               s.get(code=401, who=s.stranger), s.get("objects/", code=403, who=s.writer), s.get(code=406, headers={"Accept": "a/b"}),
               s.tool.put(s.work), s.post([], code=415, headers={"Content-Type": "a/b"}), s.post([], code=422),
               s.tool.get(s.work + "objects/?match[id]=" + "x" * 20000), s.tool.get(s.work + "%zz/")]
    for reply in replies:
        assert reply.status_code >= 400 and reply.headers["Content-Type"] == TAXII, (reply.status_code, reply.text)
        assert reply.json()["title"] and reply.json()["http_status"] == str(reply.status_code)
    assert {r.status_code for r in replies} == {400, 401, 403, 404, 405, 406, 414, 415, 422}


def date_headers(s):
    """The first and last date are those of the page's first and last object, on all four endpoints."""
    listed = s.get("manifest/", **{"match[version]": "all"}).json()["objects"]
    for path in ("manifest/", "objects/"):
        reply = s.get(path, limit=3, **{"match[version]": "all"})
        assert reply.headers["X-TAXII-Date-Added-First"] == listed[0]["date_added"]
        assert reply.headers["X-TAXII-Date-Added-Last"] == listed[2]["date_added"]
    of_one = [o["date_added"] for o in listed if o["id"] == indicator(1)["id"]]
    for path, query in ((READS[2], {"match[version]": "all"}), (READS[3], {})):
        reply = s.get(path, **query)
        assert [reply.headers[f"X-TAXII-Date-Added-{e}"] for e in ("First", "Last")] == [of_one[0], of_one[-1]]


def no_user_agent(s):
    connection = http.client.HTTPSConnection("127.0.0.1", s.node.port, context=ssl.create_default_context(cafile=s.tool.verify))
    connection.request("GET", "/taxii2/", headers={"Accept": TAXII, "Authorization": requests.auth._basic_auth_str(*s.tool.auth)})
    assert connection.getresponse().status == 200


# ---- sorting, filtering, pages (§3.3 to §3.5) ----------------------------------------------------------------------


def sorting(s):
    for query in ({}, {"match[version]": "all"}, {"match[type]": "indicator,ipv4-addr"}):
        dates = [o["date_added"] for o in s.get("manifest/", **query).json()["objects"]]
        assert dates == sorted(dates) and len(dates) == len(set(dates))
        listed = [o["id"] for o in s.get("manifest/", **query).json()["objects"]]
        assert listed == [o["id"] for o in s.get("objects/", **query).json()["objects"]]
    orders = {tuple(c["id"] for c in s.get(s.tool.base + "collections/").json()["collections"]) for _ in range(5)}
    assert len(orders) == 1


def malformed(s):
    wrong = [{"limit": v} for v in ("0", "-1", "x", "1.5")] + [{"added_after": v} for v in ("yesterday", "2024-13-01T00:00:00Z")]
    wrong += [{"match[version]": v} for v in ("newest", "all,last", "first,first")] + [{"next": "made-up"}]
    for query in wrong:
        for path in ("objects/", "manifest/"):
            s.get(path, code=400, **query)
    for twice in ("limit=1&limit=2", "match[type]=a&match[type]=b", f"added_after={'2024-01-01T00:00:00Z&added_after='}2024-01-01T00:00:00Z"):
        s.get("objects/?" + twice, code=400)


def added_after(s):
    listed = s.get("manifest/", **{"match[version]": "all"}).json()["objects"]
    for n in (0, 3, len(listed) - 1):
        page = s.get("objects/", added_after=listed[n]["date_added"], **{"match[version]": "all"}).json()
        assert len(page.get("objects", [])) == len(listed) - n - 1
    assert s.get("objects/", limit=1, **{"match[version]": "all"}).json()["objects"][0]["id"] == listed[0]["id"], "the oldest first"
    short = listed[3]["date_added"][:19] + "Z"  # fewer digits are taken in
    s.get("objects/", added_after=short)


def limit_and_more(s):
    total = len(s.get("manifest/").json()["objects"])
    for wanted in (1, 3, total - 1):
        page = s.get("objects/", limit=wanted).json()
        assert len(page["objects"]) == wanted and page["more"] is True and page["next"]
    for wanted in (total, total + 1, 10**6):
        page = s.get("objects/", limit=wanted).json()
        assert len(page["objects"]) == total and not page.get("more")


def pages(s):
    """By cursor and by date: each object once, in order, on all endpoints that have pages."""
    whole = s.get("manifest/", **{"match[version]": "all"}).json()["objects"]
    for way in ("next", "added_after"):
        for path, list_name in (("manifest/", "objects"), ("objects/", "objects"), (READS[3], "versions")):
            got, query = [], {"limit": 2, **({} if list_name == "versions" else {"match[version]": "all"})}
            while True:
                reply = s.get(path, **query)
                page = reply.json()
                got += page.get(list_name, [])
                if not page.get("more"):
                    break
                query[way] = page["next"] if way == "next" else reply.headers["X-TAXII-Date-Added-Last"]
            if list_name == "versions":
                assert got == s.get(path).json()["versions"]
            else:
                assert [o["id"] for o in got] == [o["id"] for o in whole], (way, path)


def cursors(s):
    """Opaque, stateless, bound to filters and caller: the same one gives the same page; elsewhere it is an error."""
    page = s.get("objects/", limit=2).json()
    first = s.get("objects/", limit=2, next=page["next"])
    assert first.content == s.get("objects/", limit=2, next=page["next"]).content
    s.get("objects/", code=400, limit=2, next=page["next"], **{"match[type]": "indicator"})
    s.get("objects/", code=400, who=s.reader, limit=2, next=page["next"])
    assert s.get("objects/", limit=2, next="").json() == page, "empty is absent"


def matches(s):
    one, two = indicator(1)["id"], indicator(2)["id"]

    def ids(**query):
        return [o["id"] for o in s.get("objects/", **{f"match[{k}]": v for k, v in query.items()}).json().get("objects", [])]

    assert ids(id=one) == [one] and sorted(ids(id=f"{one},{two}")) == [one, two] and ids(id="nonsense") == []
    assert ids(type="ipv4-addr") == [ADDRESS["id"]] and len(ids(type="ipv4-addr,marking-definition")) == 2
    assert ids(type="x-unknown") == [] and ids(type="indicator", id=ADDRESS["id"]) == [], "fields are ANDed"
    assert ids(spec_version="2.1") and ids(spec_version="2.0") == [] and ids(spec_version="2.0,2.1") == ids()
    assert ids(colour="red") == ids(), "a field nobody knows is passed over"
    for stix in ("attack-pattern", "campaign", "identity", "language-content", "software", "x509-certificate"):
        ids(type=stix)


def versions(s):
    one = indicator(1)["id"]

    def seconds(**query):
        return [o["modified"][17:19] for o in s.get(READS[2], **query).json().get("objects", [])]

    assert seconds() == seconds(**{"match[version]": "last"}) == ["20"]
    assert seconds(**{"match[version]": "first"}) == ["00"] and seconds(**{"match[version]": "all"}) == ["00", "20"]
    assert seconds(**{"match[version]": "first,last"}) == ["00", "20"]
    assert seconds(**{"match[version]": "2024-01-01T00:00:00.000Z"}) == ["00"]
    assert seconds(**{"match[version]": "2024-01-01T00:00:00.000Z,2024-01-01T00:00:20Z"}) == ["00", "20"]
    assert seconds(**{"match[version]": "2023-01-01T00:00:00.000Z"}) == []
    assert [v[17:19] for v in s.get(READS[3]).json()["versions"]] == ["00", "20"]
    entry = {o["id"]: o for o in s.get("manifest/").json()["objects"]}
    assert entry[one]["version"] == "2024-01-01T00:00:20.000Z"
    assert entry[MARKING["id"]]["version"] == "2024-02-02T00:00:00.000Z", "without modified: created"
    assert entry[ADDRESS["id"]]["version"] == entry[ADDRESS["id"]]["date_added"], "without either: when it was added"
    assert len(s.get("objects/", **{"match[id]": MARKING["id"], "match[version]": "2024-02-02T00:00:00.000Z"}).json()["objects"]) == 1


def empty_answers(s):
    """No empty lists: an empty object, without dates."""
    for path in ("objects/", "manifest/"):
        reply = s.get(path, **{"match[type]": "malware"})
        assert reply.json() == {} and "X-TAXII-Date-Added-First" not in reply.headers
    assert s.get(READS[3], added_after="2999-01-01T00:00:00.000000Z").json() == {}
    assert s.get(s.reader.base + "collections/", who=session(s.node, "nobody", s.accounts)).json() == {}


# ---- server information (§4) ---------------------------------------------------------------------------------------


def discovery(s):
    found = s.get(s.node.url + "/taxii2/").json()
    assert found["default"] in found["api_roots"] and len(found["api_roots"]) == len(set(found["api_roots"])) == 2
    assert all(re.fullmatch(r"https://[^/?]+/[^?]*/", url) for url in found["api_roots"])
    assert s.get(s.node.url + "/taxii2/", who=s.reader).json()["api_roots"] == [s.tool.base], "filtered by caller"
    s.get(s.node.url + "/taxii2/", who=s.stranger, code=401)


def api_roots(s):
    root = s.get(s.tool.base).json()
    assert TAXII in root["versions"] and root["max_content_length"] > 0
    s.get(s.node.url + "/api/none/", code=404)
    s.get(s.node.url + "/api/lab/", who=s.reader, code=404)


def statuses(s):
    status = s.post([indicator(1), {"type": "indicator", "id": indicator(4)["id"]}, MARKING, "no object"]).json()
    assert (status["status"], status["total_count"], status["success_count"], status["failure_count"]) == ("complete", 4, 2, 2)
    assert status["pending_count"] == 0 and "pendings" not in status
    assert [(d["id"], d["version"]) for d in status["successes"]] == [
        (indicator(1)["id"], "2024-01-01T00:00:00.000Z"), (MARKING["id"], "2024-02-02T00:00:00.000Z")]
    assert status["failures"][0]["id"] == indicator(4)["id"] and all(d["message"] for d in status["failures"])
    url = f"{s.tool.base}status/{status['id']}/"
    assert s.get(url).json() == status
    s.get(url, who=s.reader, code=404)
    s.get(f"{s.tool.base}status/{uuid.uuid4()}/", code=404)
    s.get(f"{s.tool.base}status/22101993/", code=404)


# ---- collections (§5) ----------------------------------------------------------------------------------------------


def authentication(s):
    """401 on every endpoint, whatever the method, with the schemes that are understood."""
    for method, url in [("GET", s.node.url + "/taxii2/"), ("GET", s.tool.base), ("GET", s.tool.base + "collections/"), ("GET", s.work),
                        ("GET", s.work + "nothing/"), ("POST", s.work + "objects/"), ("DELETE", s.work + READS[2])] + [("GET", s.work + p) for p in READS]:
        reply = s.stranger.request(method, url, data=b"{}" if method == "POST" else None)
        assert reply.status_code == 401 and "Basic" in reply.headers["WWW-Authenticate"] and "Bearer" in reply.headers["WWW-Authenticate"]


def aliases(s):
    by_alias, by_id = s.get().json(), s.get(f"{s.tool.base}collections/{s.get().json()['id']}/").json()
    assert by_alias == by_id and by_id["alias"] == "work"
    refused = s.accounts.say("sato", "collection", "create", "work", code=2)
    assert "already" in refused.stderr
    assert s.get(f"{s.tool.base}collections/{by_id['id']}/objects/").content == s.get("objects/").content


def rights(s):
    for path in READS:
        s.get(path, who=s.writer, code=403)
    s.post([indicator(1)], who=s.reader, code=403)
    s.post([indicator(1)], who=s.writer)
    secret = f"{s.tool.base}collections/secret/"
    for path in ("", *READS):
        s.get(secret + path, code=404)
    one = s.work + READS[2]
    codes = [who.delete(one).status_code for who in (s.reader, s.writer)] + [s.tool.delete(secret + READS[2]).status_code]
    assert codes == [403, 403, 404]


def manifest(s):
    """Of what the filters mean, not of its own entries; media types are the collection's."""
    kinds = s.get().json()["media_types"]
    entries = s.get("manifest/", **{"match[type]": "indicator"}).json()["objects"]
    assert len(entries) == 5 and all(e["media_type"] in kinds and set(e) == {"id", "date_added", "version", "media_type"} for e in entries)


def adding(s):
    before = len(s.get("manifest/", **{"match[version]": "all"}).json()["objects"])
    for objects in ([indicator(1)], [indicator(1), indicator(1, 20)]):
        assert s.post(objects).json()["failure_count"] == 0, "an exact duplicate is no error"
    assert len(s.get("manifest/", **{"match[version]": "all"}).json()["objects"]) == before
    s.post(None, raw=json.dumps(taxii_nodes.bundle([indicator(1)])))  # stix2's sink sends bundles
    s.post(None, raw=json.dumps({"objects": [indicator(1)], "x_example_com_note": {"custom": 1}}))
    s.post(None, raw=json.dumps(indicator(1)), code=422)
    s.post(None, raw="{]", code=400)
    s.post(None, raw="", code=400)


def deleting(s):
    made = indicator(77)
    s.post([made, indicator(77, 9)])
    url = s.work + f"objects/{made['id']}/"
    assert s.tool.delete(url, params={"match[version]": "2024-01-01T00:00:09.000Z"}).status_code == 200
    assert s.get(f"objects/{made['id']}/versions/").json()["versions"] == ["2024-01-01T00:00:00.000Z"]
    reply = s.tool.delete(url)
    assert reply.status_code == 200 and reply.headers["Content-Type"] == TAXII and reply.content == b""
    s.get(f"objects/{made['id']}/", code=404)
    s.get(f"objects/{made['id']}/versions/", code=404)
    for query in ({}, {"match[version]": "all"}, {"match[id]": made["id"]}):
        for path in ("objects/", "manifest/"):
            assert made["id"] not in [o["id"] for o in s.get(path, **query).json().get("objects", [])]
    assert s.tool.delete(url).status_code == 404


def methods(s):
    for method, path, allowed in [("PUT", "objects/", "GET, HEAD, POST"), ("POST", "", "GET, HEAD"), ("DELETE", "manifest/", "GET, HEAD")]:
        reply = s.tool.request(method, s.work + path)
        assert reply.status_code == 405 and reply.headers["Allow"] == allowed
    reply = s.tool.head(s.work + "objects/")
    assert reply.status_code == 200 and reply.content == b"" and reply.headers["X-TAXII-Date-Added-First"]


def compression(s):
    """Who accepts it gets a page that is asked for again compressed; the bytes are the same."""

    def raw(accepted):
        reply = s.tool.get(s.work + "objects/?limit=6", headers={"Accept-Encoding": accepted}, stream=True)
        assert reply.status_code == 200 and "Accept-Encoding" in reply.headers["Vary"]
        return reply.headers.get("Content-Encoding"), reply.raw.read(decode_content=False)

    plain = [raw("identity") for _ in range(2)][1]
    for encoding, magic in (("gzip", b"\x1f\x8b"), ("zstd", b"\x28\xb5\x2f\xfd")):
        name, body = raw(f"br, {encoding}")
        assert name == encoding and body.startswith(magic) and len(body) < len(plain[1]) / 2
        assert raw(f"{encoding};q=0") == plain and raw("") == plain
    assert raw("gzip, zstd")[0] == "zstd"
    assert s.tool.get(s.work + "objects/?limit=6", headers={"Accept-Encoding": "gzip"}).content == plain[1]


CHECKS = [compression, types_and_names, identifiers_and_times, trailing_slash, content_types, errors, date_headers, no_user_agent, sorting, malformed,
          added_after, limit_and_more, pages, cursors, matches, versions, empty_answers, discovery, api_roots, statuses, authentication,
          aliases, rights, manifest, adding, deleting, methods]


def main():
    with taxii_nodes.Pair() as pair:
        node = pair.jp
        accounts = Accounts(node)
        for name in ("tool", "reader", "writer", "nobody"):
            accounts.add(name)
        node.serve()
        accounts.collection("work", grants=[("account:tool", ["read", "write"]), ("account:reader", ["read"]), ("account:writer", ["write"])])
        accounts.collection("secret")
        accounts.collection("lab", "--root", "lab", grants=[("account:tool", ["read"])])
        s = Server(node, accounts)
        s.post([indicator(n) for n in range(1, 6)] + [MARKING, ADDRESS])
        s.post([indicator(n, 20) for n in range(1, 6)])
        for check in CHECKS:
            check(s)
    print(f"ok: {len(CHECKS)} groups of clauses")


main()
