"""What every hostile scenario has: an honest partner who keeps asking while the attack goes on, and a watch on the memory."""

import contextlib
import http.client
import json
import os
import pathlib
import resource
import ssl
import threading
import time

from taxii_nodes import bundle, indicator

TAXII = "application/taxii+json;version=2.1"
PATIENCE_S = 20  # for one answer, with a handshake, on a machine that is busy with other tests as well
ATTEMPTS = 8  # of a new connection: until it is served once, thousands that come after it may push it out
RSS_MAX = (800 if "ASAN_OPTIONS" in os.environ else 400) << 20  # a sanitizer keeps what was freed for a while
PAGE_OBJECTS = 3000


def tls(certificate=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(*certificate)
    return context


def ask(node, context, path, connection=None):
    """Status and body of one GET, over a connection of its own or a kept one."""
    c = connection or http.client.HTTPSConnection("127.0.0.1", node.port, timeout=PATIENCE_S, context=context)
    c.request("GET", path, headers={"Accept": TAXII})
    reply = c.getresponse()
    body = reply.read()
    if not connection:
        c.close()
    return reply.status, body


def ask_anew(node, context, path):
    """As a client does whose new connection is pushed out: status and body of the first attempt that is answered, and how many were not."""
    for lost in range(ATTEMPTS):
        try:
            return *ask(node, context, path), lost
        except (ConnectionError, ssl.SSLError, http.client.BadStatusLine) as e:
            trouble = e
    raise AssertionError(f"{ATTEMPTS} new connections were pushed out") from trouble


def feed_path(node, context):
    root = json.loads(ask(node, context, "/taxii2/")[1])["api_roots"][0]
    root = "/" + root.split("/", 3)[3]
    return f"{root}collections/{json.loads(ask(node, context, root + 'collections/')[1])['collections'][0]['id']}/objects/"


def give(pair, count=PAGE_OBJECTS):
    content = pair.folder / "content.json"
    content.write_text(json.dumps(bundle([indicator(n) for n in range(count)])))
    pair.jp.run("import", "--tlp", "green", content)


def rss(process):
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) << 10


def raise_file_limit(wanted):
    """How many files may be open, at most `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    got = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, got), hard))
    return got


class Honest:
    """A partner who asks for the feed all the time, by turns on a new connection and on a kept one."""

    def __init__(self, pair):
        self.node, self.context = pair.jp, tls(pair.us.client_certificate)
        self.path = feed_path(self.node, self.context)
        self.expected = ask(self.node, self.context, self.path)
        assert self.expected[0] == 200, self.expected
        self.slowest = self.rss_most = 0
        self.answers, self.lost, self.trouble = 0, 0, None
        self.stop = threading.Event()

    def run(self, kept):
        """`kept` was served before the attack: it is never pushed out."""
        try:
            while not self.stop.wait(0.05):
                begin = time.monotonic()
                if self.answers % 2:
                    got = ask(self.node, self.context, self.path, kept)
                else:
                    *got, lost = ask_anew(self.node, self.context, self.path)
                    got, self.lost = tuple(got), self.lost + lost
                assert got == self.expected, f"another answer: {got[0]} {got[1][:300]!r}"
                self.slowest = max(self.slowest, time.monotonic() - begin)
                self.rss_most = max(self.rss_most, rss(self.node.process))
                self.answers += 1
        except Exception as e:  # told by the main thread
            self.trouble = e

    @contextlib.contextmanager
    def during(self, what):
        """While the block attacks, every answer is right and in time, and memory stays within bounds."""
        self.slowest = self.rss_most = self.answers = self.lost = 0
        self.trouble = None
        self.stop.clear()
        kept = http.client.HTTPSConnection("127.0.0.1", self.node.port, timeout=PATIENCE_S, context=self.context)
        assert ask(self.node, self.context, self.path, kept) == self.expected
        thread = threading.Thread(target=self.run, args=[kept])
        thread.start()
        begin = time.monotonic()
        try:
            yield
        finally:
            self.stop.set()
            thread.join()
            kept.close()
        print(f"{what}: {time.monotonic() - begin:.1f} s, {self.answers} answers, the slowest {self.slowest * 1000:.0f} ms, "
              f"{self.lost} new connections pushed out, "
              f"memory {self.rss_most >> 20} MiB", flush=True)
        if self.trouble:
            raise AssertionError(f"{what}: the honest partner was let down after {self.answers} answers") from self.trouble
        assert self.answers >= 2 and self.slowest < PATIENCE_S and self.rss_most < RSS_MAX, what


def intact(pair, expected=PAGE_OBJECTS):
    """All that was there is there, and the ledgers prove it."""
    assert pair.jp.process.poll() is None, (pair.jp.home / "serve.log").read_text()[-2000:]
    assert pair.us.results("sync", "JP-MOD")[-1]["ledgers"][0]["verified"]
    assert pair.us.results("ledger", "verify", "--from", "JP-MOD")[-1]["size"] >= expected
    pair.jp.run("ledger", "audit")
