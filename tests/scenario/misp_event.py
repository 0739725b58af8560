"""A MISP event with something of everything, for the tests of import and export."""

import copy

EVENT = "5f8d4a20-1111-4c3e-9a51-0a0a0a0a0001"
ORG = "5f8d4a20-2222-4c3e-9a51-0a0a0a0a0002"
OTHER_ORG = "5f8d4a20-2222-4c3e-9a51-0a0a0a0a0003"
CLUSTER = "5f8d4a20-3333-4c3e-9a51-0a0a0a0a0004"
T1566 = "a62a8db3-f23a-4d8f-afd6-9dbc77e7813b"  # ATT&CK's own: attack-pattern--a62a8db3-…


def uuid(n):
    return f"5f8d4a20-aaaa-4c3e-9a51-{n:012d}"


def attribute(n, kind, value, category="Network activity", to_ids=True, **more):
    return {"uuid": uuid(n), "type": kind, "category": category, "value": value, "to_ids": to_ids, "comment": "",
            "timestamp": "1600000100", "distribution": "5", "disable_correlation": False, **more}


def event(**more):
    """A new copy each time."""
    return copy.deepcopy({
        "id": "12", "uuid": EVENT, "info": "Phishing of shipyards", "date": "2020-09-13", "threat_level_id": "1", "analysis": "2",
        "published": True, "timestamp": "1600000200", "publish_timestamp": "1600000300", "distribution": "1", "extends_uuid": "",
        "disable_correlation": False,
        "Org": {"id": "1", "uuid": OTHER_ORG, "name": "Keeper"}, "Orgc": {"id": "2", "uuid": ORG, "name": "Shipyard CERT"},
        "Attribute": [
            attribute(1, "domain", "Evil.example", comment="C2", first_seen="2020-09-01T00:00:00+00:00",
                      Sighting=[{"uuid": uuid(901), "type": "0", "date_sighting": "1600000150", "source": "proxy",
                                 "Organisation": {"uuid": OTHER_ORG, "name": "Keeper"}},
                                {"uuid": uuid(902), "type": "1", "date_sighting": "1600000160", "source": ""},
                                {"uuid": uuid(903), "type": "2", "date_sighting": "1700000000", "source": ""}]),
            attribute(2, "ip-dst|port", "203.0.113.9|8443"),
            attribute(3, "filename|sha256", "a.exe|" + "ab" * 32, "Payload delivery", data="UEsDBA=="),
            attribute(4, "ip-src", "198.51.100.0/24", to_ids=False),
            attribute(5, "text", "sent on a Sunday", "Other", to_ids=False),
            attribute(6, "vulnerability", "CVE-2020-0601", "External analysis", to_ids=False),
            attribute(7, "yara", "rule a { condition: true }", "Payload installation", comment="packer"),
            attribute(8, "url", "http://evil.example/gate.php", Tag=[{"name": "tlp:red"}, {"name": "phase=\"two\""}], distribution="0"),
            attribute(9, "md5", "d41d8cd98f00b204e9800998ecf8427e", "Payload delivery", deleted=True),
            attribute(10, "sha1", "not a hash", "Payload delivery"),
            attribute(11, "email-subject", "Invoice", "Payload delivery", to_ids=False),
            attribute(12, "hostname", "mail.evil.example", Galaxy=[{"type": "mitre-attack-pattern", "GalaxyCluster": [
                {"type": "mitre-attack-pattern", "value": "Phishing - T1566", "uuid": T1566, "description": "Mail that lures.",
                 "tag_name": "misp-galaxy:mitre-attack-pattern=\"Phishing - T1566\""}]}],
                Tag=[{"name": "misp-galaxy:mitre-attack-pattern=\"Phishing - T1566\""}]),
        ],
        "Object": [
            {"uuid": uuid(100), "name": "file", "meta-category": "file", "description": "A file", "comment": "dropper",
             "template_uuid": "688c46fb-5edb-40a3-8273-1af7923e2215", "template_version": "24", "timestamp": "1600000110",
             "distribution": "5", "deleted": False,
             "Attribute": [attribute(101, "filename", "drop.exe", "Payload delivery", to_ids=False, object_relation="filename"),
                           attribute(102, "md5", "0cc175b9c0f1b6a831c399e269772661", "Payload delivery", object_relation="md5"),
                           attribute(103, "size-in-bytes", "1", "Other", to_ids=False, object_relation="size-in-bytes")],
             "ObjectReference": [{"uuid": uuid(110), "object_uuid": uuid(100), "referenced_uuid": uuid(1), "timestamp": "1600000120",
                                  "relationship_type": "connected-to", "comment": "at start"}]},
            {"uuid": uuid(120), "name": "annotation", "meta-category": "misc", "description": "A remark", "timestamp": "1600000110",
             "template_uuid": "5d8dc046-15a1-4ca3-a09f-ed4ede7c4487", "template_version": "4", "distribution": "5", "deleted": False,
             "Attribute": [attribute(121, "text", "Seen by two yards", "Other", to_ids=False, object_relation="text")]},
        ],
        "EventReport": [{"uuid": uuid(130), "name": "Summary", "content": "# What happened\nMail, then a dropper.", "timestamp": "1600000130",
                         "distribution": "5", "deleted": False}],
        "Tag": [{"name": "tlp:amber", "colour": "#ffc000"}, {"name": "PAP:AMBER"}, {"name": "admiralty-scale:information-credibility=\"2\""},
                {"name": "our-own", "local": True}, {"name": "misp-galaxy:threat-actor=\"Tidal Heron\""}],
        "Galaxy": [{"type": "threat-actor", "GalaxyCluster": [
            {"type": "threat-actor", "value": "Tidal Heron", "uuid": CLUSTER, "source": "Shipyard CERT", "authors": ["A", "B"], "version": "7", "description": "Lures shipyards.",
             "tag_name": "misp-galaxy:threat-actor=\"Tidal Heron\"", "meta": {"synonyms": ["TH-1"], "country": "XX", "refs": ["https://heron.example/"]}}],
            "uuid": uuid(140), "name": "Threat Actor", "description": "Who it was", "version": "3"}],
        **more})
