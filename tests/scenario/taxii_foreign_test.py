"""Clients of others, as they come from PyPI, work with a node: every method of OASIS's taxii2-client, stix2's
TAXIICollectionSource and TAXIICollectionSink, and cytaxii2."""

import json
import os

import taxii_nodes

try:
    import stix2
    from requests.exceptions import HTTPError
    from stix2.datastore.filters import Filter
    from taxii2client.common import TokenAuth
    from taxii2client.exceptions import AccessError
    from taxii2client.v21 import ApiRoot, Collection, Server, Status, as_pages
except ImportError:
    taxii_nodes.skip("the Python packages taxii2-client and stix2 are not here")
try:
    from cytaxii2 import cytaxii2
except ImportError:
    cytaxii2 = None

from taxii_accounts import Accounts
from taxii_nodes import indicator

COUNT = 120


def refused(call, kind=HTTPError):
    try:
        call()
    except kind as why:
        return getattr(getattr(why, "response", None), "status_code", None)
    raise AssertionError("was not refused")


def servers_and_roots(node, accounts, ca):
    """Server, ApiRoot: everything they tell, and refreshing it."""
    with Server(f"{node.url}/taxii2/", user="tool", password=accounts.password("tool"), verify=ca) as server:
        assert (server.title, server.contact, server.custom_properties) == (f"The node of {node.party}", None, {})
        assert server.description and server.default.url == f"{node.url}/api/live/"
        assert [r.url for r in server.api_roots] == [f"{node.url}/api/live/", f"{node.url}/api/lab/"]
        server.refresh()
        root = server.default
        assert root.title and root.versions == ["application/taxii+json;version=2.1"]
        assert root.max_content_length == 100 << 20 and root.custom_properties == {} and root.description is None
        root.refresh()
        root.refresh_information()
        root.refresh_collections()
        assert [c.alias for c in root.collections] == ["work", "seen"]
        assert server.api_roots[1].collections[0].title == "a laboratory's"
    token = ApiRoot(f"{node.url}/api/live/", auth=TokenAuth(accounts.token("tool")), verify=ca)
    assert [c.alias for c in token.collections] == ["work", "seen"]
    assert refused(lambda: ApiRoot(f"{node.url}/api/none/", user="tool", password=accounts.password("tool"), verify=ca).title) == 404
    assert refused(lambda: ApiRoot(f"{node.url}/api/live/", user="tool", password="not the password", verify=ca).title) == 401


def collections_and_statuses(node, accounts, ca):
    """Collection, Status, as_pages: adding, reading with every filter, deleting."""
    who = {"user": "tool", "password": accounts.password("tool"), "verify": ca}
    root = ApiRoot(f"{node.url}/api/live/", **who)
    ids = {c.alias: c.id for c in root.collections}
    work = Collection(f"{node.url}/api/live/collections/{ids['work']}/", **who)
    assert (work.title, work.description, work.can_read, work.can_write) == ("at work", "What tools find", True, True)
    assert work.media_types == ["application/stix+json;version=2.1"] and work.custom_properties == {}
    assert work.id != work.alias == "work" and work.objects_url.endswith("/objects/")
    work.refresh()
    status = work.add_objects({"objects": [indicator(n) for n in range(COUNT)]})
    assert bool(status) and (status.success_count, status.failure_count, status.pending_count) == (COUNT, 0, 0)
    assert len(status.successes) == COUNT and status.request_timestamp
    later = work.add_objects(json.dumps({"objects": [indicator(1, 9), {"type": "nonsense"}]}), wait_for_completion=False)
    later.wait_until_final(poll_interval=0.1, timeout=20)
    later.refresh()
    assert (later.status, later.success_count, later.failure_count) == ("complete", 1, 1) and later.failures[0]["message"]
    assert root.get_status(later.id).total_count == 2
    assert Status(f"{node.url}/api/live/status/{status.id}/", **who).success_count == COUNT
    one = indicator(1)["id"]
    for per_request in (0, 7, 100):
        pages = list(as_pages(work.get_objects, per_request=per_request) if per_request else as_pages(work.get_objects, per_request=1000))
        assert sorted(o["id"] for p in pages for o in p["objects"]) == sorted(indicator(n)["id"] for n in range(COUNT))
        listed = [o for p in as_pages(work.get_manifest, per_request=per_request or 1000) for o in p["objects"]]
        assert len(listed) == len({o["date_added"] for o in listed}) == COUNT
    assert [o["modified"][17:19] for o in work.get_object(one)["objects"]] == ["09"]
    assert len(work.get_object(one, version="all")["objects"]) == len(work.object_versions(one)["versions"]) == 2
    assert len(work.get_objects(id=[one, indicator(2)["id"]], type="indicator", version="first", spec_version="2.1")["objects"]) == 2
    assert work.get_objects(added_after=listed[-2]["date_added"])["objects"]
    assert work.get_objects(type="malware") == {}
    work.delete_object(one, version="2024-01-01T00:00:09.000Z")
    assert [o["modified"][17:19] for o in work.get_object(one)["objects"]] == ["00"]
    work.delete_object(one)
    assert refused(lambda: work.get_object(one)) == 404
    seen = Collection(f"{node.url}/api/live/collections/{ids['seen']}/", **who)
    assert (seen.can_read, seen.can_write) == (True, False)
    refused(lambda: seen.add_objects({"objects": [indicator(1)]}), AccessError)
    assert refused(lambda: Collection(f"{node.url}/api/live/collections/other/", **who).title) == 404


def sources_and_sinks(node, accounts, ca):
    """stix2 pushes objects of its own and finds them again."""
    work = ApiRoot(f"{node.url}/api/live/", user="tool", password=accounts.password("tool"), verify=ca).collections[0]
    sink, source = stix2.TAXIICollectionSink(work), stix2.TAXIICollectionSource(work)
    made = stix2.v21.Indicator(name="one", pattern="[ipv4-addr:value = '192.0.2.1']", pattern_type="stix")
    again = made.new_version(name="two")
    thing = stix2.v21.IPv4Address(value="192.0.2.1")
    sink.add(made)
    sink.add([again, json.loads(thing.serialize())])
    sink.add(stix2.v21.Bundle(stix2.v21.Relationship(again, "based-on", stix2.v21.ObservedData(
        first_observed="2024-01-01T00:00:00Z", last_observed="2024-01-01T00:00:00Z", number_observed=1, object_refs=[thing.id]).id)))
    assert source.get(made.id).name == "two" and source.get(thing.id).value == "192.0.2.1"
    assert sorted(o.name for o in source.all_versions(made.id)) == ["one", "two"]
    found = source.query([Filter("type", "=", "indicator"), Filter("name", "=", "two")])
    assert [o.id for o in found] == [made.id]
    assert len(source.query([Filter("type", "=", "relationship")])) == 1
    assert source.get("indicator--00000000-0000-4000-8000-999999999999") is None
    both = stix2.TAXIICollectionStore(work)
    both.add(stix2.v21.Identity(name="a tool", identity_class="system"))
    assert len(both.query([Filter("type", "=", "identity")])) == 1


def cyware(node, accounts, ca):
    if not cytaxii2:
        print("the Python package cytaxii2 is not here")
        return
    os.environ["REQUESTS_CA_BUNDLE"] = ca
    client = cytaxii2.cytaxii2(f"{node.url}/taxii2/", "tool", accounts.password("tool"))
    assert client.discovery_request()["status"] and client.root_discovery()["response"]["versions"]
    listed = client.collection_request()["response"]["collections"]
    work = next(c["id"] for c in listed if c["alias"] == "work")
    assert client.collection_data_request(work)["response"]["can_write"] is True
    posted = client.inbox_request(work, json.dumps({"objects": [indicator(500)]}))
    assert posted["status_code"] == 202, posted
    page = client.poll_request(work, limit=5)["response"]
    after = client.poll_request(work, limit=5, next=page["next"])["response"]
    assert len(page["objects"]) == len(after["objects"]) == 5 and page["objects"] != after["objects"]
    assert client.poll_request(work, object_id=indicator(500)["id"], object_type="indicator")["response"]["objects"]
    assert client.poll_request(work, added_after="2999-01-01T00:00:00.000Z")["response"] == {}
    del os.environ["REQUESTS_CA_BUNDLE"]


def main():
    with taxii_nodes.Pair() as pair:
        node = pair.jp
        accounts = Accounts(node)
        accounts.add("tool")
        node.serve()
        ca = node.key_file("tls.crt")
        accounts.collection("work", "--title", "at work", "--description", "What tools find",
                            grants=[("account:tool", ["read", "write"])])
        accounts.collection("seen", grants=[("account:tool", ["read"])])
        accounts.collection("lab", "--root", "lab", "--title", "a laboratory's", grants=[("account:tool", ["read"])])
        servers_and_roots(node, accounts, ca)
        collections_and_statuses(node, accounts, ca)
        sources_and_sinks(node, accounts, ca)
        cyware(node, accounts, ca)
    print("ok")


main()
