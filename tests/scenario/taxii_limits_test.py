"""Limits of one caller, from outside: how often (429 with Retry-After), how much (413), how many wrong passwords; and
others are served all the same."""

import json
import signal
import time

import taxii_nodes

try:
    import requests
except ImportError:
    taxii_nodes.skip("the Python package requests is not here")

from taxii_accounts import TAXII, Accounts, session
from taxii_nodes import indicator

LIMITS = "limits: {requests_per_second: 5, burst: 30, failures_per_minute: 3, post_bytes: 20000}\n"


def too_often(node, accounts):
    eager, patient = session(node, "eager", accounts), session(node, "patient", accounts)
    assert eager.get(eager.base).json()["max_content_length"] == 20000
    replies = [eager.get(eager.base) for _ in range(60)]
    refused = [r for r in replies if r.status_code == 429]
    assert 20 <= len(refused) < 60 and all(r.status_code in (200, 429) for r in replies), len(refused)
    assert int(refused[0].headers["Retry-After"]) >= 1 and refused[0].headers["Content-Type"] == TAXII
    assert refused[0].json()["http_status"] == "429"
    assert patient.get(patient.base).status_code == 200, "another caller is not concerned"
    time.sleep(int(refused[-1].headers["Retry-After"]))
    assert eager.get(eager.base).status_code == 200, "after as long as it said"


def too_much(node, accounts):
    s = session(node, "patient", accounts)
    url = f"{s.base}collections/sandbox/objects/"

    def post(size, **how):
        o = indicator(1) | {"description": ""}
        o["description"] = "x" * (size - len(json.dumps({"objects": [o]})))
        body = json.dumps({"objects": [o]})
        assert len(body) == size
        return s.post(url, data=how.get("chunks", lambda b: b)(body.encode())).status_code

    assert post(20000) == 202, "as much as max_content_length says is never too much"
    assert post(20001) == 413
    assert post(19000, chunks=lambda b: iter([b[:5000], b[5000:]])) == 202, "chunked bodies are legal"
    assert post(30000, chunks=lambda b: iter([b[:15000], b[15000:]])) == 413


def too_many_guesses(node, accounts):
    guessing, other = session(node), session(node, "patient", accounts)
    codes = []
    for n in range(6):
        guessing.auth = ("nobody", f"guess number {n:04}")
        codes.append(guessing.get(guessing.base).status_code)
    assert codes[:3] == [401] * 3 and codes[-1] == 429, codes
    guessing.auth = None
    assert guessing.get(guessing.base).status_code == 401, "who guesses nothing is told what to bring"
    assert other.get(other.base).status_code == 429, "from the same address"


def reloaded(node, accounts):
    """Limits are taken from renkei.yaml while it serves."""
    s = session(node, "patient", accounts)
    assert {s.get(s.base).status_code for _ in range(60)} == {200}
    with open(node.home / "renkei.yaml", "a", encoding="utf-8") as f:
        f.write(LIMITS)
    node.process.send_signal(signal.SIGHUP)
    for _ in range(100):
        time.sleep(0.1)
        try:
            if s.get(s.base).json().get("max_content_length") == 20000:
                return
        except requests.ConnectionError:  # it listens anew
            pass
    raise AssertionError("not reloaded")


def main():
    with taxii_nodes.Pair() as pair:
        node = pair.jp
        accounts = Accounts(node)
        for name in ("eager", "patient"):
            accounts.add(name)
        node.serve()
        reloaded(node, accounts)
        accounts.collection("sandbox", grants=[("account:patient", ["write"])])
        too_often(node, accounts)
        too_much(node, accounts)
        too_many_guesses(node, accounts)
    print("ok")


main()
