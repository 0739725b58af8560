#!/usr/bin/env python3
"""Withheld objects carry words that stand nowhere else; nothing the partner can reach may hold one of them, nor an id of theirs.

The partner asks for everything it can think of over mutual TLS: pages with every filter, manifests, versions, objects by id, records,
tiles, salts, errors. Then it syncs, and its whole folder is searched.
"""

import http.client
import json
import random
import ssl
import sys
import uuid

import taxii_nodes

TLP = {
    "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
TIMES = {"created": "2024-01-01T00:00:00.000Z", "modified": "2024-01-01T00:00:00.000Z"}
random.seed(20240101)
words = []


def word():
    words.append("canary" + format(random.getrandbits(64), "016x"))
    return words[-1]


def made(type, marking=None, **properties):
    """An object; withheld ones are made with unique words in every text."""
    o = {"type": type, "spec_version": "2.1", "id": f"{type}--{uuid.UUID(int=random.getrandbits(128), version=4)}", **TIMES, **properties}
    if marking:
        o["object_marking_refs"] = [marking]
    return o


def secret(type, marking, **properties):
    return made(type, marking, name=word(), description=word(), labels=[word()], x_note=word(),
                external_references=[{"source_name": word(), "external_id": word(), "url": f"https://{word()}.example/"}], **properties)


def secret_indicator(marking, **properties):
    return secret("indicator", marking, pattern=f"[domain-name:value = '{word()}.example']", pattern_type="stix",
                  valid_from="2024-01-01T00:00:00Z", **properties)


def relationship(a, b):
    return made("relationship", TLP["green"], relationship_type="indicates", source_ref=a["id"], target_ref=b["id"], description=word())


def holdings():
    """What may go, and what may not: by its own marking, an unknown or altered one, a label, or what it names."""
    public = [taxii_nodes.indicator(n) | {"object_marking_refs": [TLP["green"]]} for n in range(20)]
    malware = made("malware", TLP["green"], name="public", is_family=True)
    statement = made("marking-definition", definition_type="statement", definition={"statement": word()})
    altered = made("marking-definition", definition_type="tlp", definition={"tlp": "green"}, name="TLP:GREEN")
    for marking in (statement, altered):
        marking.pop("modified")
    hidden = [secret_indicator(TLP["red"]), secret_indicator(TLP["amber+strict"]),
              secret_indicator("marking-definition--00000000-0000-4000-8000-00000000dead"), secret_indicator(altered["id"]),
              secret("malware", TLP["red"], is_family=False), secret("intrusion-set", TLP["red"], aliases=[word()])]
    labelled = secret_indicator(TLP["green"])
    labelled["labels"].append("national-only")
    hidden += [labelled, altered]
    hidden += [relationship(public[0], hidden[4]), relationship(hidden[0], malware), relationship(hidden[1], hidden[5])]
    hidden.append(made("report", TLP["green"], name=word(), published="2024-01-01T00:00:00Z", object_refs=[public[1]["id"], hidden[0]["id"]]))
    hidden.append(made("note", TLP["green"], content=word(), object_refs=[hidden[2]["id"]]))
    hidden.append(made("sighting", TLP["green"], sighting_of_ref=hidden[3]["id"], description=word()))
    hidden.append(made("relationship", TLP["green"], relationship_type="related-to", source_ref=hidden[6]["id"], target_ref=public[2]["id"]))
    everything = public + [malware] + hidden
    random.shuffle(everything)
    del statement  # its words go nowhere: it is not imported
    return everything, hidden


class Partner:
    """The recipient, as curious as can be."""

    def __init__(self, server, certificate):
        tls = ssl.create_default_context(cafile=server.key_file("tls.crt"))
        tls.check_hostname = False
        tls.load_cert_chain(*certificate)
        self.server, self.tls, self.heard = server, tls, []

    def get(self, path, method="GET", body=None):
        c = http.client.HTTPSConnection("127.0.0.1", self.server.port, context=self.tls, timeout=30)
        c.request(method, path, body=body, headers={"Accept": "application/taxii+json;version=2.1", "Content-Type": "application/taxii+json;version=2.1"})
        r = c.getresponse()
        answer = r.read()
        # What it sent itself is no news to it.
        self.heard.append((path, str(r.headers).encode() + answer))
        c.close()
        return r.status, answer


def ask_everything(partner, hidden):
    status, answer = partner.get("/api/live/collections/")
    assert status == 200, answer
    feeds = [c["id"] for c in json.loads(answer)["collections"] if c["can_read"]]
    assert feeds
    for path in ("/taxii2/", "/api/live/", "/renkei/v1/ledgers/", "/renkei/v1/card", "/api/live/status/" + str(uuid.uuid4()) + "/", "/nowhere/"):
        partner.get(path)
    for feed in feeds:
        base = f"/api/live/collections/{feed}"
        for filters in ("", "?limit=3", "?match[version]=all", "?match[version]=first", "?match[type]=indicator", "?match[type]=relationship,report,note",
                        "?match[spec_version]=2.1", "?added_after=2020-01-01T00:00:00Z", "?match[version]=2024-01-01T00:00:00.000Z", "?limit=x", "?next=x"):
            filters = filters.replace("[", "%5B").replace("]", "%5D")
            partner.get(f"{base}/objects/{filters}")
            partner.get(f"{base}/manifest/{filters}")
        for o in hidden:
            asked = len(partner.heard)
            outcomes = {partner.get(f"{base}/objects/{o['id']}/{tail}")[0] for tail in ("", "versions/")}
            unknown = f"{o['type']}--{uuid.UUID(int=random.getrandbits(128), version=4)}"
            assert outcomes == {partner.get(f"{base}/objects/{unknown}/")[0]}, "a withheld object answers otherwise than none"
            del partner.heard[asked:]  # errors may repeat the id it asked for itself
            partner.get(f"{base}/objects/?match%5Bid%5D={o['id']}")
            assert b'"objects"' not in partner.heard.pop()[1]
        partner.get(f"{base}/objects/{hidden[0]['id']}/", method="DELETE")
        partner.heard.pop()
        size = int(partner.get(f"/renkei/v1/ledgers/{feed}/checkpoint")[1].split(b"\n")[1])
        for path in (f"tile/0/000.p/{size}", f"tile/entries/000.p/{size}", f"salts/000.p/{size}") if size else ():
            status, _ = partner.get(f"/renkei/v1/ledgers/{feed}/{path}")
            assert status == 200, path
    return feeds


def search(where, data, secrets):
    for s in secrets:
        assert s not in data, f"{s.decode()} stands in {where}"


def main():
    everything, hidden = holdings()
    with taxii_nodes.Pair() as pair:
        file = pair.folder / "bundle.json"
        file.write_text(json.dumps(taxii_nodes.bundle(everything)))
        pair.jp.run("import", file)
        pair.jp.serve()
        secrets = [w.encode() for w in words] + [o["id"].encode() for o in hidden]
        partner = Partner(pair.jp, pair.us.client_certificate)
        ask_everything(partner, hidden)
        assert any(b"h7.example.com" in data for _, data in partner.heard), "the test hears nothing at all"
        for path, data in partner.heard:
            search(path, data, secrets)
        pair.us.run("sync", "JP-MOD")
        assert len(pair.us.results("search", "--type", "indicator", "--limit", "100")) == 20
        for path in pair.us.home.rglob("*"):
            if path.is_file():
                search(path, path.read_bytes(), secrets)
        print(f"{len(partner.heard)} answers and the partner's folder hold none of {len(secrets)} secrets")
    return 0


if __name__ == "__main__":
    sys.exit(main())
