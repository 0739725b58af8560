#!/usr/bin/env python3
"""A node in service: watched, reloaded, drained, started by systemd's way; and shut in when it serves."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

import taxii_nodes
from taxii_nodes import PROGRAM, Pair, bundle, free_port, indicator


def get(port, path, host=None):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    c.request("GET", path, headers={"Host": host} if host else {})
    answer = c.getresponse()
    return answer.status, answer.read().decode()


def value(text, name):
    found = re.search(rf"^renkei_{re.escape(name)} (\S+)$", text, re.M)
    assert found, f"{name} is not among the metrics:\n{text}"
    return float(found[1])


def until(what, seconds=10):
    for _ in range(int(seconds / 0.05)):
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("it does not come to be")


def certificate_served(port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 5) as s, context.wrap_socket(s) as t:
        return ssl.DER_cert_to_PEM_cert(t.getpeercert(True)).strip()


def add_line(node, line):
    """As an editor does it: another file in its place."""
    config = node.home / "renkei.yaml"
    beside = node.home / "renkei.yaml.new"
    beside.write_text(config.read_text() + line + "\n")
    beside.rename(config)


def check_watched(pair, jp, us, monitor):
    status, text = get(monitor, "/health")
    assert status == 200 and json.loads(text)["status"] == "ok", text
    us.run("sync", "JP-MOD")
    status, text = get(monitor, "/metrics")
    assert status == 200
    assert value(text, 'ledger_entries{recipient="US-DOD",origin="%s"}' % jp.results("ledger", "show")[0]["origin"]) == 6
    assert value(text, 'http_responses_total{code="2xx"}') > 3 and value(text, "http_sent_bytes_total") > 1000
    assert value(text, 'card_ends_timestamp_seconds{party="US-DOD"}') > time.time()
    assert value(text, "holdings_total") >= 6 and value(text, "ledgers_on_hold") == 0
    assert "example.com" not in text and "indicator--" not in text, "metrics name no object"
    # Every line is one that Prometheus reads, and each family is announced once.
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) renkei_\w+ .+|renkei_\w+(\{(\w+="[^"]*",?)+\})? [-+0-9.e]+', line), line
    announced = re.findall(r"^# TYPE (\S+)", text, re.M)
    assert len(announced) == len(set(announced))
    assert get(monitor, "/else")[0] == 404
    assert get(monitor, "/metrics", host="attacker.example:80")[0] == 421


def check_shut_in(jp):
    """No new programs, no new privileges."""
    status = pathlib.Path(f"/proc/{jp.process.pid}/status").read_text()
    assert re.search(r"^NoNewPrivs:\s1$", status, re.M) and re.search(r"^Seccomp:\s2$", status, re.M), status


def check_reloaded(pair, jp, us, monitor):
    """A mistake changes nothing; a new source, a renewed certificate and another address count from then on."""
    add_line(jp, "no_such_key: 1")
    jp.process.send_signal(signal.SIGHUP)
    until(lambda: value(get(monitor, "/metrics")[1], "reload_failures_total") == 1)
    assert "no_such_key" in (jp.home / "serve.log").read_text()
    text = (jp.home / "renkei.yaml").read_text().replace("no_such_key: 1\n", "")
    (jp.home / "renkei.yaml").write_text(text)
    assert "neither" in jp.run("sync", "far", check=False).stderr
    add_line(jp, f"sources:\n  - name: far\n    url: https://127.0.0.1:{free_port()}/root/collections/x/")
    jp.process.send_signal(signal.SIGHUP)
    until(lambda: value(get(monitor, "/metrics")[1], "reloads_total") == 1)
    assert "neither" not in jp.run("sync", "far", check=False).stderr
    # The same key with another certificate; partners know the key.
    before = certificate_served(jp.port)
    renewed = pair.folder / "renewed.crt"
    subprocess.run(["openssl", "req", "-x509", "-key", jp.key_file("tls.key"), "-subj", "/CN=renewed", "-days", "30", "-out", renewed],
                   check=True, capture_output=True)
    pathlib.Path(jp.key_file("tls.crt")).write_text(renewed.read_text())
    jp.process.send_signal(signal.SIGHUP)
    until(lambda: value(get(monitor, "/metrics")[1], "reloads_total") == 2)
    assert certificate_served(jp.port) == renewed.read_text().strip() != before
    assert us.results("sync", "JP-MOD")[-1]["ledgers"][0]["verified"]
    # A certificate of another key is none of ours.
    pathlib.Path(jp.key_file("tls.crt")).write_text(pathlib.Path(us.key_file("tls.crt")).read_text())
    jp.process.send_signal(signal.SIGHUP)
    until(lambda: value(get(monitor, "/metrics")[1], "reload_failures_total") == 2)
    assert certificate_served(jp.port) == renewed.read_text().strip()
    pathlib.Path(jp.key_file("tls.crt")).write_text(renewed.read_text())


def check_drained(jp, us, monitor):
    """What is under way is answered, and health says that no more is wanted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(*us.client_certificate)
    with socket.create_connection(("127.0.0.1", jp.port), 5) as s, context.wrap_socket(s) as t:
        t.sendall(b"GET /taxii2/ HTTP/1.1\r\nHost: x\r\nAccept: application/taxii+json;version=2.1\r\n")
        time.sleep(0.2)
        jp.process.terminate()
        until(lambda: get(monitor, "/health")[0] == 503)
        assert json.loads(get(monitor, "/health")[1])["status"] == "draining"
        t.sendall(b"\r\n")
        answer = t.recv(100)
        assert answer.startswith(b"HTTP/1.1 200"), answer
    assert jp.process.wait(timeout=20) == 0
    jp.log.close()
    jp.process = None


def check_activated(jp, us):
    """systemd opens the socket; whoever connects before the program listens just waits."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", jp.port))
        listener.listen(16)
        early = socket.create_connection(("127.0.0.1", jp.port), 5)

        ready = jp.home / "run" / "port"
        ready.unlink(missing_ok=True)
        jp.log = open(jp.home / "serve.log", "ab")
        helper = ("import os, sys\nos.dup2(int(sys.argv[1]), 3)\n"
                  "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')\nos.execv(sys.argv[2], sys.argv[2:])")
        jp.process = subprocess.Popen(
            [sys.executable, "-c", helper, str(listener.fileno()), PROGRAM, "--home", jp.home, "serve", "--port-file", ready],
            stdout=jp.log, stderr=jp.log, pass_fds=[listener.fileno()])
        until(ready.exists)
    assert int(ready.read_text()) == jp.port
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(early) as t:
        assert t.version()
    assert us.results("sync", "JP-MOD")[-1]["ledgers"][0]["verified"]
    # New keys make the server start anew, on the same socket.
    jp.run("key", "rotate")
    assert us.results("sync", "JP-MOD")[-1]["card_received"]
    jp.stop()


def main():
    with Pair() as pair:
        jp, us, monitor = pair.jp, pair.us, free_port()
        content = pair.folder / "content.json"
        content.write_text(json.dumps(bundle([indicator(n) for n in range(5)])))
        jp.run("import", "--tlp", "green", content)
        add_line(jp, "monitor: 192.0.2.1:80")
        assert "loopback" in jp.run("status", check=False).stderr
        (jp.home / "renkei.yaml").write_text((jp.home / "renkei.yaml").read_text().replace("192.0.2.1:80", f"127.0.0.1:{monitor}"))
        jp.serve()
        check_watched(pair, jp, us, monitor)
        check_shut_in(jp)
        check_reloaded(pair, jp, us, monitor)
        check_drained(jp, us, monitor)
        check_activated(jp, us)
    return 0


if __name__ == "__main__":
    sys.exit(main())
