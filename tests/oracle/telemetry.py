"""Random lines of every telemetry format, over a world so small that patterns meet them.

FORMATS: name -> {"line": makes one, "head": what stands before all, "suffix", "mapping": for a log nobody knows,
"stix": it is observed-data already, "again": match reads what observe made of it,
"leave": paths of observables that match sees otherwise than observe writes them}.
respelt() writes a line's values otherwise without making them others.
"""
import hashlib
import json
import re

HOSTS = ["10.0.0.5", "10.0.0.6", "10.0.1.7", "192.0.2.9"]
SERVERS = ["198.51.100.7", "198.51.100.8", "203.0.113.66", "10.0.0.53", "2001:db8::7"]
NAMES = ["evil.example", "a.evil.example", "cdn.example", "b.example.net", "xn--bcher-kva.example"]
PORTS = [80, 443, 8080, 1389, 53]
PATHS = ["/", "/gate.php", "/gate.php?id=7", "/a/b/c.html", "/news.php"]
AGENTS = ["curl/7.1", "mozilla/5.0 (x)", "wget"]
FILES = ["drop.exe", "report.doc", "readme.txt", "請求書.pdf"]
MAILS = ["a@evil.example", "b@c.example", "d@c.example"]
USERS = ["alice", "bob", "svc-backup"]
START = 1764000000


def digest(kind, text):
    return hashlib.new(kind, text.encode()).hexdigest()


def when(dice):
    """Within fifty minutes: the default window takes in all of it."""
    return START + dice.randrange(3000) + dice.choice([0, 0, .5, .125])


def zone(seconds):
    import datetime
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f+0000")


def some(dice, part, **fields):
    """The fields, each there with this chance."""
    return {k: v for k, v in fields.items() if dice.random() < part}


def ends(dice, port=None, proto="tcp"):
    return {"uid": f"C{dice.randrange(10 ** 9)}", "id.orig_h": dice.choice(HOSTS), "id.orig_p": dice.randrange(40000, 40005),
            "id.resp_h": dice.choice(SERVERS), "id.resp_p": port or dice.choice(PORTS), "proto": proto}


def conn(dice):
    return {**ends(dice), **some(dice, .6, service=dice.choice(["http", "ssl"]), duration=dice.choice([.5, 2, 9]),
                                 orig_bytes=dice.randrange(5), resp_bytes=dice.randrange(5), orig_pkts=dice.randrange(3))}


def answers_of(name):
    """Fixed for a name: what it resolves to is part of the object."""
    return {"evil.example": ["203.0.113.66"], "a.evil.example": ["evil.example", "203.0.113.66"], "cdn.example": ["2001:db8::7"]}.get(name, [])


def dns(dice):
    name = dice.choice(NAMES)
    return {**ends(dice, 53, "udp"), "query": name, "answers": answers_of(name)}


def http(dice):
    return {**ends(dice), "method": dice.choice(["get", "post"]), "host": dice.choice(NAMES), "uri": dice.choice(PATHS),
            **some(dice, .5, user_agent=dice.choice(AGENTS), request_body_len=dice.randrange(9), version="1.1")}


def ssl(dice):
    name = dice.choice(NAMES)
    return {**ends(dice, 443), "server_name": name, **some(dice, .7, subject=f"cn={name}", issuer="cn=ca", cert_chain_fps=[digest("sha256", name)])}


def x509(dice):
    name = dice.choice(NAMES)
    return {"fingerprint": digest("sha256", name), "certificate.version": 3, "certificate.serial": digest("md5", name)[:8], "certificate.subject": f"cn={name}",
            "certificate.issuer": "cn=ca", "certificate.not_valid_before": START - 10, "certificate.not_valid_after": START + 10 ** 7,
            "certificate.key_alg": "rsaencryption"}


def files(dice):
    name = dice.choice(FILES)
    return {"fuid": "F1", "tx_hosts": [dice.choice(SERVERS)], "rx_hosts": [dice.choice(HOSTS)], "source": "http", "mime_type": "application/x-dosexec",
            "filename": name, "total_bytes": len(name) * 7, **some(dice, .7, md5=digest("md5", name), sha256=digest("sha256", name))}


def smtp(dice):
    return {**ends(dice, 25), "helo": dice.choice(NAMES), "mailfrom": dice.choice(MAILS), "rcptto": dice.sample(MAILS, 2), "from": dice.choice(MAILS),
            "to": [dice.choice(MAILS)], "subject": dice.choice(["invoice", "hello you"]), "msg_id": f"<{dice.randrange(4)}@evil.example>"}


def smb(dice):
    return {**ends(dice, 445), "path": "\\\\fs\\share", "name": dice.choice(["a\\gpt.ini", "b\\drop.exe"]), "size": dice.choice([1, 22])}


def ssh(dice):
    return {**ends(dice, 22), "client": dice.choice(["ssh-2.0-openssh_8.9p1", "ssh-2.0-libssh2_1.4"]), "server": "ssh-2.0-dropbear"}


def rdp(dice):
    return {**ends(dice, 3389), "cookie": dice.choice(USERS), "result": "encrypted"}


def kerberos(dice):
    return {**ends(dice, 88), "request_type": "as", "client": f"{dice.choice(USERS)}/corp.example", "service": "krbtgt/corp.example"}


def notice(dice):
    flow = ends(dice)
    return {**flow, "note": "ssl::invalid_server_cert", "msg": "x", "src": flow["id.orig_h"], "dst": flow["id.resp_h"]}


ZEEK = {"conn": conn, "dns": dns, "http": http, "ssl": ssl, "x509": x509, "files": files, "smtp": smtp, "smb_files": smb, "ssh": ssh, "rdp": rdp,
        "kerberos": kerberos, "notice": notice}


def zeek_json(log):
    return lambda dice: json.dumps({"_path": log, "ts": when(dice), **ZEEK[log](dice)}, ensure_ascii=dice.random() < .5)


def columns(log):
    """All fields a log of this world can have."""
    import random
    names = {}
    for seed in range(40):
        names.update(dict.fromkeys(ZEEK[log](random.Random(seed))))
    return ["ts", *names]


def zeek_cell(value):
    if value is None:
        return "-"
    if isinstance(value, list):
        return ",".join(value) or "(empty)"
    return str(value).replace("\\", "\\x5c")


def zeek_tsv(log):
    def line(dice):
        row = {"ts": f"{when(dice):.6f}", **ZEEK[log](dice)}
        return "\t".join(zeek_cell(row.get(name)) for name in columns(log))
    return line


def zeek_head(log):
    return ("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n" f"#path\t{log}\n#fields\t" + "\t".join(columns(log)) + "\n")


def eve(kind):
    def line(dice):
        at = when(dice)
        event = {"timestamp": zone(at), "flow_id": dice.randrange(10 ** 9), "event_type": kind, "src_ip": dice.choice(HOSTS), "src_port": dice.randrange(40000, 40005),
                 "dest_ip": dice.choice(SERVERS), "dest_port": dice.choice(PORTS), "proto": "tcp"}
        name, file = dice.choice(NAMES), dice.choice(FILES)
        request = {"hostname": name, "url": dice.choice(PATHS), "http_method": "get", "http_user_agent": dice.choice(AGENTS), "protocol": "http/1.1"}
        parts = {"flow": {"flow": {"pkts_toserver": dice.randrange(4), "bytes_toserver": dice.randrange(9), "start": zone(at), "end": zone(at + 1)}, "app_proto": "http"},
                 "dns": {"dns": {"type": "query", "rrname": name, "rrtype": "A"}},
                 "http": {"http": request},
                 "tls": {"tls": {"sni": name, "subject": f"cn={name}", "issuerdn": "cn=ca", "fingerprint": ":".join([digest("sha1", name)[i:i + 2] for i in range(0, 40, 2)])}},
                 "fileinfo": {"http": request, "fileinfo": {"filename": f"/{file}", "size": len(file), "md5": digest("md5", file)}},
                 "smtp": {"smtp": {"helo": name, "mail_from": f"<{dice.choice(MAILS)}>", "rcpt_to": [f"<{dice.choice(MAILS)}>"]},
                          "email": {"from": dice.choice(MAILS), "to": [dice.choice(MAILS)], "subject": "invoice"}},
                 "smb": {"smb": {"id": 1, "command": "smb2_command_create", "filename": dice.choice(["a\\gpt.ini", "b\\drop.exe"]), "share": "\\\\fs\\share",
                                 **some(dice, .5, ntlmssp={"user": dice.choice(USERS)})}},
                 "alert": {"alert": {"signature_id": 1, "signature": "x", "severity": 1}, "http": request}}
        return json.dumps({**event, **parts[kind]})
    return line


def observed_data(dice):
    """What no log has: processes, keys, extensions, several of a kind, objects that only references lead to."""
    at = zone(int(when(dice))).replace(".000000+0000", "Z")
    nth = dice.randrange(10 ** 8)
    one = lambda kind, number, **more: {"type": kind, "spec_version": "2.1", "id": f"{kind}--{nth:08}-0000-4000-8000-{number:012}", **more}  # noqa: E731
    image = one("file", 1, name=dice.choice(FILES), hashes={"MD5": digest("md5", "x"), "SHA-256": digest("sha256", dice.choice("xy"))},
                extensions={"windows-pebinary-ext": {"pe_type": "exe", "sections": [{"name": ".text", "entropy": dice.choice([1.5, 7.25])}, {"name": ".rsrc"}]}})
    parent = one("process", 2, pid=dice.randrange(4), command_line=dice.choice(["winword.exe /n", "explorer.exe"]))
    child = one("process", 3, pid=dice.randrange(4, 8), command_line=dice.choice(["powershell -enc aaaa", "cmd /c whoami"]), parent_ref=parent["id"], image_ref=image["id"],
                is_hidden=dice.random() < .5)
    value = one("windows-registry-key", 4, key="hklm\\software\\run", values=[{"name": "a", "data": dice.choice(["drop.exe", "x"])}, {"name": "b"}])
    hosts = [one("ipv4-addr", 5, value=dice.choice(HOSTS)), one("ipv4-addr", 6, value=dice.choice(SERVERS[:3])), one("domain-name", 7, value=dice.choice(NAMES))]
    flows = [one("network-traffic", number, src_ref=hosts[0]["id"], dst_ref=dice.choice(hosts[1:])["id"], src_port=dice.randrange(40000, 40005), dst_port=dice.choice(PORTS),
                 protocols=dice.choice([["tcp"], ["udp", "dns"], ["ipv4", "tcp", "ssl", "http", "http2"]])) for number in (8, 9)]
    mails = [one("email-addr", 10 + n, value=mail) for n, mail in enumerate(MAILS)]
    letters = [one("email-message", number, is_multipart=False, from_ref=dice.choice(mails)["id"], to_refs=[each["id"] for each in dice.sample(mails, 2)],
                   subject=dice.choice(["invoice", "hello you"])) for number in (20, 21)]
    kinds = dice.sample([[image], [parent], [child], [value], flows[:1], flows, letters[:1], letters, hosts], dice.randrange(1, 5))
    objects = [o for n, o in enumerate(sum(kinds, [])) if o not in sum(kinds, [])[:n]]
    roots = [o["id"] for o in objects]
    for o in (image, parent, *hosts, *mails):  # what is referred to is there, though not always observed itself
        if o not in objects:
            objects.append(o)
    seen = {"type": "observed-data", "spec_version": "2.1", "id": f"observed-data--00000000-0000-4000-8000-{dice.randrange(10 ** 12):012}", "created": at, "modified": at,
            "first_observed": at, "last_observed": at, "number_observed": dice.choice([1, 1, 2, 5]), "object_refs": roots}
    return json.dumps({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": [seen, *objects]})


def container(dice):
    """The same as STIX 2.0 had it: the objects inside, under short names."""
    seen, *objects = json.loads(observed_data(dice))["objects"]
    text = json.dumps({str(n): {k: v for k, v in o.items() if k not in ("id", "spec_version")} for n, o in enumerate(objects)})
    for n, o in enumerate(objects):
        text = text.replace(o["id"], str(n))
    del seen["object_refs"], seen["spec_version"]
    return json.dumps(dict(seen, objects=json.loads(text)))


MAPPING = """renkei: mapping-v1
format: {}
log: edr
fields:
"""
MAPPED = {"When": "observed-data:first_observed", "Client": "network-traffic:src_ref.value", "Client Port": "network-traffic:src_port", "Server": "network-traffic:dst_ref.value",
          "Server Port": "network-traffic:dst_port", "Name": "domain-name:value", "Agent": "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'",
          "Image": "process:image_ref.name", "Command": "process:command_line", "Pid": "process:pid", "Parent": "process:parent_ref.command_line",
          "Digest": "file:hashes.'SHA-256'", "File": "file:name", "Account": "user-account:account_login", "Key": "windows-registry-key:key"}


def mapped(dice):
    return {"When": zone(when(dice)), "Client": dice.choice(HOSTS), "Client Port": dice.randrange(40000, 40005), "Server": dice.choice(SERVERS), "Server Port": dice.choice(PORTS),
            **some(dice, .5, Name=dice.choice(NAMES), Agent=dice.choice(AGENTS), Image=dice.choice(["word.exe", "powershell.exe"]),
                   Command=dice.choice(['word "a, b"', "powershell -enc aaaa"]), Pid=dice.randrange(9), Parent=dice.choice(["explorer.exe", "cmd /c x"]),
                   Account=dice.choice(USERS), Key="hklm\\software\\run"),
            **dice.choice([{}, {"File": "drop.exe", "Digest": digest("sha256", "x")}])}


def elastic(dice):
    """A sensor on a host, by the Elastic Common Schema."""
    name = dice.choice(["powershell.exe", "word.exe"])
    return json.dumps({"@timestamp": zone(when(dice)), "process": {"pid": dice.randrange(9), "executable": f"c:\\tmp\\{name}", "command_line": f"{name} -enc {dice.choice('ab')}",
                                                                  **some(dice, .3, working_directory="c:\\tmp")},
                       **some(dice, .4, user={"name": dice.choice(USERS)}, registry={"path": "hklm\\software\\run"}, source={"ip": dice.choice(HOSTS), "port": 40001},
                              destination={"ip": dice.choice(SERVERS), "port": dice.choice(PORTS)})})


def mapped_json(dice):
    return json.dumps(mapped(dice), ensure_ascii=False)


def mapped_csv(dice):
    row = mapped(dice)
    return ",".join('"' + str(row.get(name, "")).replace('"', '""') + '"' for name in MAPPED)


def mapping(format):
    return MAPPING.format(format) + "".join(f"  - field: {name}\n    path: {json.dumps(path)}\n" for name, path in MAPPED.items())


# --- one value in many spellings


def spellings(value):
    if value in NAMES:
        return [value, value.title(), value.upper(), value + ".", value.replace("xn--bcher-kva", "Bücher")]
    if value in MAILS:
        local, domain = value.split("@")
        return [value, f"{local}@{domain.upper()}", f"{local}@{domain.title()}"]
    if value in SERVERS + HOSTS:
        return [value, value.replace("2001:db8::7", "2001:0DB8:0::7"), value if ":" in value else "::ffff:" + value]
    if value in PATHS:  # other requests: case counts in them
        return [value, value.title()]
    if value in ("get", "post", "http/1.1", "tcp", "udp") or re.fullmatch("[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}", value):
        return [value, value.upper()]
    return [value]


def respelt(dice, line):
    """The line with the values it has, each in one of its spellings."""
    def walk(value):
        if isinstance(value, dict):
            return {k: walk(v) for k, v in value.items()}
        if isinstance(value, list):
            return [walk(v) for v in value]
        return dice.choice(spellings(value)) if isinstance(value, str) else value
    if line.startswith("{"):
        return json.dumps(walk(json.loads(line)), ensure_ascii=False)
    return re.sub(r'[^\t,"]+', lambda cell: walk(cell.group()), line)


FORMATS = {f"zeek {log}": {"line": zeek_json(log)} for log in ZEEK}
FORMATS |= {f"zeek {log} tsv": {"line": zeek_tsv(log), "head": zeek_head(log)} for log in ZEEK}
FORMATS |= {f"eve {kind}": {"line": eve(kind)} for kind in ("flow", "dns", "http", "tls", "fileinfo", "smtp", "smb", "alert")}
FORMATS["elastic"] = {"line": elastic}
FORMATS["mapped json"] = {"line": mapped_json, "mapping": mapping("json")}
FORMATS["mapped csv"] = {"line": mapped_csv, "mapping": mapping("csv"), "head": ",".join(MAPPED) + "\n"}
FORMATS["stix"] = {"line": observed_data, "stix": True}
FORMATS["stix 2.0"] = {"line": container, "stix": True}
FORMATS["observed dns"] = {"line": zeek_json("dns"), "again": True}
FORMATS["observed smtp"] = {"line": zeek_json("smtp"), "again": True}
for name in FORMATS:  # match adds the flow again under the name its client asked for
    if any(word in name for word in ("http", "ssl", "tls", "fileinfo", "alert")):
        FORMATS[name]["leave"] = ("dst_ref",)
