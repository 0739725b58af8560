#!/usr/bin/env python3
"""Writes the example's telemetry: Zeek logs, as JSON lines, of a small agency network on one morning.

    python3 generate.py [FOLDER]     default: beside this file

Everything is invented: addresses are those set aside for documentation (RFC 5737), names end in .example (RFC 2606). Two
hours of ordinary traffic come from a seeded generator; the intrusion stands below as a list of events. The same program
gives the same bytes, and a test holds the files to it.
"""

import hashlib
import json
import random
import sys
from datetime import datetime, timezone
from pathlib import Path

START = datetime(2025, 10, 14, 8, 30, tzinfo=timezone.utc).timestamp()
LENGTH = 2 * 3600
DNS_SERVER, MAIL_SERVER = "192.0.2.53", "192.0.2.25"
CLIENTS = [f"192.0.2.{n}" for n in range(21, 35)]

# Ordinary servers: name, address, paths.
SITES = [
    ("www.shipping-news.example", "198.51.100.10", ["/", "/today", "/ports/arrivals", "/style.css"]),
    ("weather.example", "198.51.100.14", ["/", "/coast", "/radar.png", "/tides?port=12"]),
    ("intranet.agency.example", "198.51.100.20", ["/", "/forms/leave", "/phonebook?q=duty", "/logo.svg"]),
    ("updates.vendor.example", "198.51.100.33", ["/v7/index.json", "/v7/definitions.cab", "/v7/patch-1182.cab"]),
    ("cdn.office-tools.example", "198.51.100.40", ["/fonts/regular.woff2", "/app.js", "/app.css"]),
    ("travel.agency.example", "198.51.100.52", ["/", "/trains", "/bookings/new"]),
    ("video.training.example", "198.51.100.77", ["/course/3", "/course/3/part2.mp4"]),
    ("sync.tidal-heron.example.com", "198.51.100.90", ["/"]),  # looks like the attacker's name, and is not
]
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36"

random_source = random.Random(20251014)


def below(n):
    """A number from 0 to n - 1; only random() is the same in every version of Python."""
    return int(random_source.random() * n)


def pick(items):
    return items[below(len(items))]


def made_id(letter):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return letter + "".join(pick(alphabet) for _ in range(17))


class Logs:
    def __init__(self):
        self.lines = {"conn": [], "dns": [], "http": [], "files": [], "ssl": [], "smtp": []}

    def add(self, log, at, **fields):
        line = {"ts": round(START + at, 6)}
        for name, value in fields.items():
            line[name.replace("id_", "id.", 1) if name.startswith("id_") else name] = value
        self.lines[log].append(line)

    def flow(self, source, port, target, target_port, uid=None):
        return {"uid": uid or made_id("C"), "id_orig_h": source, "id_orig_p": port, "id_resp_h": target,
                "id_resp_p": target_port}

    def conn(self, at, flow, proto, service, seconds, sent, received, state="SF"):
        self.add("conn", at, **flow, proto=proto, service=service, duration=round(seconds, 6), orig_bytes=sent,
                 resp_bytes=received, conn_state=state, missed_bytes=0, orig_pkts=1 + sent // 900,
                 resp_pkts=1 + received // 1400)

    def ask(self, at, client, name, answers):
        flow = self.flow(client, 49152 + below(16000), DNS_SERVER, 53)
        self.add("dns", at, **flow, proto="udp", trans_id=below(65536), rtt=round(0.001 + below(9000) / 1e6, 6), query=name,
                 qclass=1, qclass_name="C_INTERNET", qtype=1, qtype_name="A", rcode=0 if answers else 3,
                 rcode_name="NOERROR" if answers else "NXDOMAIN", AA=False, TC=False, RD=True, RA=True, Z=0,
                 **({"answers": answers, "TTLs": [300.0] * len(answers)} if answers else {}), rejected=False)

    def get(self, at, client, name, address, path, body, mime, filename=None):
        flow = self.flow(client, 49152 + below(16000), address, 80)
        fuid = made_id("F")
        self.add("http", at, **flow, trans_depth=1, method="GET", host=name, uri=path, version="1.1", user_agent=AGENT,
                 request_body_len=0, response_body_len=len(body), status_code=200, status_msg="OK", tags=[],
                 resp_fuids=[fuid], resp_mime_types=[mime])
        self.add("files", at + 0.021, fuid=fuid, **flow, source="HTTP", depth=0,
                 analyzers=["MD5", "SHA1", "SHA256"], mime_type=mime, **({"filename": filename} if filename else {}),
                 duration=0.004, local_orig=False, is_orig=False, seen_bytes=len(body), total_bytes=len(body),
                 missing_bytes=0, overflow_bytes=0, timedout=False, md5=hashlib.md5(body).hexdigest(),
                 sha1=hashlib.sha1(body).hexdigest(), sha256=hashlib.sha256(body).hexdigest())
        self.conn(at - 0.012, flow, "tcp", "http", 0.2 + below(900) / 1e3, 300 + below(500), len(body) + 280)

    def tls(self, at, client, name, address, port, sent, received, seconds):
        flow = self.flow(client, 49152 + below(16000), address, port)
        self.add("ssl", at, **flow, version="TLSv13", cipher="TLS_AES_256_GCM_SHA384", curve="x25519", server_name=name,
                 resumed=False, established=True, ssl_history="CsiI")
        self.conn(at - 0.015, flow, "tcp", "ssl", seconds, sent, received)

    def mail(self, at, sender, recipient, subject):
        flow = self.flow("198.51.100.110", 40000 + below(9000), MAIL_SERVER, 25)
        self.add("smtp", at, **flow, trans_depth=1, helo="mx.relay.example", mailfrom=sender, rcptto=[recipient],
                 **{"from": sender}, to=[recipient], subject=subject, last_reply="250 OK", path=[MAIL_SERVER], tls=False,
                 fuids=[], is_webmail=False)
        self.conn(at - 0.3, flow, "tcp", "smtp", 0.9, 5200, 410)


def ordinary(logs):
    for _ in range(62):
        at, client = below(LENGTH * 1000) / 1000, pick(CLIENTS)
        name, address, paths = pick(SITES)
        logs.ask(at, client, name, [address])
        if below(2):
            body = name.encode() * (1 + below(40))
            path = pick(paths)
            mime = "application/vnd.ms-cab-compressed" if path.endswith(".cab") else "text/html"
            logs.get(at + 0.05, client, name, address, path, body, mime)
        else:
            logs.tls(at + 0.06, client, name, address, 443, 900 + below(4000), 3000 + below(90000), 1 + below(60) / 7)
    for n in range(8):
        logs.mail(below(LENGTH * 1000) / 1000, pick(["duty@port-office.example", "news@shipping-news.example"]),
                  f"desk{1 + below(9)}@agency.example", pick(["Berth plan", "Daily summary", "Tide tables", "Meeting notes"]))


def minute(clock):
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    return hours * 3600 + minutes * 60 + seconds - 8.5 * 3600


def intrusion(logs):
    """A letter, a download, a loader, a channel to its controller; a second machine; data going out."""
    first, second = "192.0.2.27", "192.0.2.31"
    logs.mail(minute("08:52:10"), "it-desk@mail-quota.example", "desk4@agency.example", "Your mailbox is almost full")
    logs.ask(minute("08:57:31"), first, "mail-quota.example", ["203.0.113.20"])
    logs.get(minute("08:57:31") + 0.2, first, "mail-quota.example", "203.0.113.20", "/renew/form.hta",
             b"<!-- renkei example: stands for a phishing page's HTA -->", "application/hta", "form.hta")
    logs.get(minute("08:58:02"), first, "203.0.113.21", "203.0.113.21", "/u/hg64.bin",
             b"renkei example: stands for the loader HERONGATE", "application/x-dosexec", "hg64.bin")
    for n, clock in enumerate(["08:59:00", "09:14:03", "09:29:01", "09:44:05", "09:59:02"]):
        if n % 2 == 0:
            logs.ask(minute(clock) - 0.1, first, "sync.tidal-heron.example", ["203.0.113.66"])
        logs.tls(minute(clock), first, "sync.tidal-heron.example" if n % 2 == 0 else "localhost", "203.0.113.66", 8443,
                 610 + below(80), 450 + below(60), 2.1)
    logs.ask(minute("09:31:44"), first, "relay.tidal-heron.example", [])
    logs.conn(minute("09:38:20"), logs.flow(first, 50114, second, 445), "tcp", "smb,gssapi,ntlm", 41.3, 812044, 6190)
    logs.tls(minute("09:41:07"), second, "localhost", "203.0.113.66", 8443, 640, 480, 2.2)
    logs.conn(minute("10:03:31"), logs.flow(second, 50271, "203.0.113.200", 443), "tcp", "ssl", 612.4, 48211904, 90112)
    # Ordinary things that only look like it: another port of that address, a name that was given up long ago.
    logs.conn(minute("09:20:00"), logs.flow("192.0.2.29", 50002, "203.0.113.66", 443), "tcp", "-", 0.01, 0, 0, "REJ")
    logs.ask(minute("09:05:12"), "192.0.2.24", "old-panel.example", ["198.51.100.99"])


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    logs = Logs()
    ordinary(logs)
    intrusion(logs)
    for name, lines in logs.lines.items():
        lines.sort(key=lambda line: line["ts"])
        text = "".join(json.dumps({"_path": name, **line}, separators=(",", ":")) + "\n" for line in lines)
        (folder / f"{name}.ndjson").write_text(text)


if __name__ == "__main__":
    main()
