"""What sync asks of a TAXII server that is no Renkei, clause by clause: a server made here notes every request. Where it
is, DNS says (made here, too)."""

import base64
import datetime
import http.server
import json
import ssl
import struct
import socket
import threading
import urllib.parse

import taxii_nodes

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
except ImportError:
    taxii_nodes.skip("the Python package cryptography is not here")

from taxii_nodes import indicator

TAXII = "application/taxii+json;version=2.1"
ID = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
COUNT = 25


def certificate(folder):
    """A self-signed certificate for localhost; the key is RSA, so that old suites could be agreed on."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
            .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256()))
    path = folder / "server.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return path


class Taxii:
    """Discovery, two API roots of its own and one elsewhere, a collection with pages of ten; custom properties throughout."""

    def __init__(self, pem):
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.requests.append((self.path, dict(self.headers)))
                status, body = outer.answer(*urllib.parse.urlsplit(self.path)[2:4], self.headers)
                raw = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", TAXII)
                self.send_header("Content-Length", str(len(raw)))
                if "objects" in body:
                    self.send_header("X-TAXII-Date-Added-Last", "2024-02-01T00:00:00.000001Z")
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *unused):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(pem)
        self.http.socket = self.tls.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_port
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, path, query, headers):
        if headers.get("Authorization") != "Basic " + base64.b64encode(b"reader:a secret").decode():
            return 401, {"title": "who are you?", "http_status": "401"}
        roots = [f"https://localhost:{self.port}/empty/", "/root/", "https://elsewhere.example/api/"]
        listed = {"id": ID, "title": "A title", "alias": "hot", "can_read": True, "can_write": False, "x_example_com_note": {"a": [1]}}
        fixed = {"/taxii2/": {"title": "made here", "default": roots[0], "api_roots": roots, "x_example_com_note": 1},
                 "/empty/collections/": {}, "/root/collections/": {"collections": [listed], "x_example_com_note": []}}
        if path in fixed:
            return 200, fixed[path]
        if path != f"/root/collections/{ID}/objects/":
            return 404, {"title": "not here"}
        start = int(dict(urllib.parse.parse_qsl(query)).get("next", "0"))
        page = {"objects": [indicator(n) for n in range(start, min(start + 10, COUNT))], "more": start + 10 < COUNT, "x_example_com_note": None}
        return 200, page | ({"next": str(start + 10)} if page["more"] else {})


class Dns:
    """Answers SRV questions for one domain; of the servers it names only the second is there."""

    def __init__(self, ports):
        self.asked, self.ports = [], ports
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def address(self):
        return "127.0.0.1:%d" % self.socket.getsockname()[1]

    def serve(self):
        while True:
            question, who = self.socket.recvfrom(4096)
            labels, at = [], 12
            while question[at]:
                labels.append(question[at + 1 : at + 1 + question[at]].decode())
                at += question[at] + 1
            self.asked.append((".".join(labels), struct.unpack(">H", question[at + 1 : at + 3])[0]))
            known = labels == ["_taxii2", "_tcp", "partner", "example"]
            records = b""
            for priority, port in enumerate(self.ports):
                data = struct.pack(">HHH", priority, 5, port) + b"\x09localhost\x00"
                records += b"\xc0\x0c" + struct.pack(">HHIH", 33, 1, 60, len(data)) + data
            head = question[:2] + struct.pack(">HHHHH", 0x8580 if known else 0x8583, 1, len(self.ports) if known else 0, 0, 0)
            self.socket.sendto(head + question[12 : at + 5] + (records if known else b""), who)


def configure(node, dns, ca, **source):
    with open(node.home / "renkei.yaml", "a", encoding="utf-8") as f:
        if "nameserver" not in (node.home / "renkei.yaml").read_text():
            f.write(f"\nnameserver: {dns.address}\nsources:\n")
        f.write(f"  - {{name: {source.pop('name')}, username: reader, password_file: secret, ca_file: {ca}, "
                + ", ".join(f'{k}: "{v}"' for k, v in source.items()) + "}\n")


def found_by_dns(node, taxii, dns):
    done = node.results("sync", "by-alias")[-1]
    assert done["added"] == COUNT, done
    assert dns.asked and set(dns.asked) == {("_taxii2._tcp.partner.example", 33)}
    paths = [urllib.parse.urlsplit(path).path for path, _ in taxii.requests]
    assert paths[:3] == ["/taxii2/", "/empty/collections/", "/root/collections/"], paths
    for name in ("by-title", "by-id"):
        assert node.results("sync", name)[-1]["read"] == COUNT, name


def not_found_by_dns(node):
    assert "no _taxii2._tcp.nobody.example" in node.run("sync", "nobody", check=False).stderr
    lost = node.run("sync", "lost", check=False)
    assert lost.returncode == 2 and "2 API roots" in lost.stderr, lost.stderr


def every_request(taxii):
    """HTTPS (the server speaks nothing else), TAXII's media type with its version, a slash at the end, Basic, a User-Agent."""
    assert len(taxii.requests) > 9
    for path, headers in taxii.requests:
        assert urllib.parse.urlsplit(path).path.endswith("/"), path
        assert TAXII in headers["Accept"], headers
        assert headers["Authorization"].startswith("Basic ") and headers["User-Agent"].lower().startswith("renkei"), headers


def pages_by_next(taxii):
    """next goes with the filters it came with, and is given back as it came."""
    queries = [dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query)) for path, _ in taxii.requests if "/objects/" in path]
    first = queries[:3]
    assert [q.get("next") for q in first] == [None, "10", "20"]
    assert len({tuple(sorted((k, v) for k, v in q.items() if k != "next")) for q in first}) == 1


def certificates(node, taxii):
    """A certificate that leads nowhere, and one for another host, end it before a password is sent."""
    before = len(taxii.requests)
    for name in ("untrusted", "other-host"):
        assert node.run("sync", name, check=False).returncode == 2
    assert len(taxii.requests) == before


def ciphers(node, taxii):
    """TLS 1.2 is spoken, without the suites of RFC 7540's appendix A."""
    taxii.tls.maximum_version = ssl.TLSVersion.TLSv1_2
    assert node.results("sync", "by-url")[-1]["read"] >= 0
    taxii.tls.set_ciphers("AES128-GCM-SHA256:AES128-SHA256:ECDHE-RSA-AES128-SHA256")
    assert node.run("sync", "by-url", check=False).returncode == 2


def no_plain_http(node):
    with open(node.home / "renkei.yaml", "a", encoding="utf-8") as f:
        f.write("  - {name: plain, url: 'http://taxii.example/root/collections/x/'}\n")
    refused = node.run("sync", "plain", check=False)
    assert refused.returncode == 2 and "https://" in refused.stderr


def main():
    with taxii_nodes.Pair() as pair:
        node = pair.us
        pem = certificate(pair.folder)
        taxii = Taxii(pem)
        dns = Dns([taxii_nodes.free_port(), taxii.port])  # the first is not there
        (node.home / "secret").write_text("a secret\n")
        for name, collection in (("by-alias", "hot"), ("by-title", "A title"), ("by-id", ID), ("lost", "cold")):
            configure(node, dns, pem, name=name, domain="partner.example", collection=collection)
        configure(node, dns, pem, name="nobody", domain="nobody.example", collection="x")
        url = f"/root/collections/{ID}/"
        configure(node, dns, pem, name="by-url", url=f"https://localhost:{taxii.port}{url}")
        configure(node, dns, node.key_file("tls.crt"), name="untrusted", url=f"https://localhost:{taxii.port}{url}")
        configure(node, dns, pem, name="other-host", url=f"https://127.0.0.1:{taxii.port}{url}")
        node.serve()
        found_by_dns(node, taxii, dns)
        node.stop()
        not_found_by_dns(node)
        every_request(taxii)
        pages_by_next(taxii)
        certificates(node, taxii)
        ciphers(node, taxii)
        no_plain_http(node)
    print("ok")


main()
