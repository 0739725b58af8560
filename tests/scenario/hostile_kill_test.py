"""kill -9 at random moments of what must not be lost or half done: an officer's approval, a backup, a restore and
the syncs after it, posts to a collection and deletions from it. What was said to be done is done, the rest is not or wholly so, and the
record proves it."""

import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time

import taxii_nodes

try:
    import requests
except ImportError:
    taxii_nodes.skip("the Python package requests is not here")

from agreement_nodes import World, direction, made, stix_id
from taxii_accounts import ADMINISTRATOR, Accounts, session

JP, US = "JP-MOD", "US-DOD"
ROUNDS = 20
RESTORES, SYNCS = 5, 5  # of each, how many syncs are killed before one is left alone
APPROVED = 1  # by one command: each proves a password, which takes its time
AT_ONCE = 6  # what one request posts
OBJECTS = 1500  # in the store: a backup of it takes long enough to be hit
ALL = ["{clause: A-1, outcome: release, types: [all], tlp: [clear, green]}"]
rng = random.Random(20261123)


def killed(node, seconds, *arguments, environment=None):
    """What the command printed until it was killed with its signer, and whether it was; nothing else may have ended it badly."""
    process = subprocess.Popen([taxii_nodes.PROGRAM, "--home", node if isinstance(node, os.PathLike) else node.home, "--json", *map(str, arguments)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                               env={**os.environ, **(environment or {})})
    try:
        said, trouble = process.communicate(timeout=seconds)
        assert process.returncode == 0, (arguments, trouble)
        return said, False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0], True


def took(what):
    """How long a run that is left alone takes; it is hit anywhere in that, and a little after."""
    begin = time.monotonic()
    what()
    return 1.1 * (time.monotonic() - begin)


def sound(node):
    node.run("ledger", "audit")
    node.run("audit", "verify")


def approvals(w, accounts):
    jp = w[JP]
    key = json.loads(accounts.say(ADMINISTRATOR, "account", "add", "suzuki", "--role=policy", new="suzuki").stdout)["key"]
    file = w.folder / "national.yaml"
    file.write_text(f'renkei: national-policy/v1\nparty: JP-MOD\nversion: 1\neffective: 2026-01-01\nofficer: "{key}"\nrules:\n'
                    "  - {clause: N-1, outcome: refer, types: [malware]}\n")
    accounts.say("suzuki", "policy", "install", file)
    objects = w.folder / "referred.json"
    wanted = {stix_id("malware", n) for n in range((ROUNDS + 2) * APPROVED)}
    objects.write_text(json.dumps(taxii_nodes.bundle([made("malware", n) for n in range(len(wanted))])))
    accounts.say(ADMINISTRATOR, "import", objects)
    officer = {"RENKEI_AS": ADMINISTRATOR, "RENKEI_PASSWORD_FILE": str(jp.home / f"password-{ADMINISTRATOR}")}

    def waiting():
        return {q["id"] for q in accounts.results("release", "queue")} if out() != wanted else set()

    def out():
        return {e["id"] for e in jp.results("disclosed", "--to", US, "--list", check=False) if e.get("id") in wanted}

    left = sorted(waiting())
    assert set(left) == wanted
    long = took(lambda: accounts.say(ADMINISTRATOR, "release", "approve", *left[:APPROVED]))
    acknowledged, hits = set(left[:APPROVED]), 0
    for n in range(1, ROUNDS + 1):
        said, hit = killed(jp, rng.uniform(0, long), "release", "approve", *left[n * APPROVED:][:APPROVED], environment=officer)
        hits += hit
        if n % 4 == 0:
            accounts.say(ADMINISTRATOR, "release", "queue")  # a proof of the password that is killed counts as a wrong one; this one is right
        acknowledged |= {r["id"] for r in map(json.loads, said.splitlines()[: said.count("\n")]) if "id" in r}
    accounts.say(ADMINISTRATOR, "release")  # as serve does when it starts: what was approved and not yet out goes out
    gone = out()
    assert acknowledged <= gone, "an approval that was acknowledged is lost"
    assert waiting() == wanted - gone
    accounts.say(ADMINISTRATOR, "release", "approve", *sorted(wanted - gone))
    assert out() == wanted
    sound(jp)
    w.sync(US, JP)
    assert wanted <= {f["id"] for f in w[US].results("search", "--type", "malware", "--limit", "1000")}
    jp.stop()
    return hits


def backups(w):
    jp = w[JP]
    entries = jp.results("ledger", "show")[0]["size"]
    whole = w.folder / "whole"
    long = took(lambda: jp.run("backup", whole))
    there = w.folder / "there"
    hits = halves = 0
    for n in range(ROUNDS):
        folder = w.folder / f"backup-{n}"
        hits += killed(jp, rng.uniform(0, long), "backup", folder)[1]
        if not folder.exists():
            continue
        if (folder / "backup.json").exists():
            jp.run("--home", there, "restore", folder)
            assert jp.results("--home", there, "ledger", "show")[0]["size"] == entries
            shutil.rmtree(there)
        else:
            halves += 1
            refused = jp.run("--home", there, "restore", folder, check=False)
            assert refused.returncode == 2 and "interrupted" in refused.stderr and not there.exists(), refused.stderr
        shutil.rmtree(folder)
    sound(jp)
    return hits, halves, whole


def restores(w, backup):
    """A folder is no node, or one whose ledgers are all on hold; never one that signs what it does not remember."""
    jp = w[JP]
    there = w.folder / "restored"
    long = took(lambda: jp.run("--home", there, "restore", backup))
    hits = halves = 0
    for _ in range(ROUNDS):
        shutil.rmtree(there, ignore_errors=True)
        hits += killed(there, rng.uniform(0, long), "restore", backup)[1]
        if (there / "renkei.yaml").exists():
            assert len(jp.results("--home", there, "restore", "status")) == 1
            jp.run("--home", there, "ledger", "audit")
        elif (there / "keys").exists() or (there / "realms").exists():
            halves += 1
            again = jp.run("--home", there, "restore", backup, check=False)
            assert again.returncode == 2 and "interrupted" in again.stderr, again.stderr
    shutil.rmtree(there, ignore_errors=True)
    jp.run("--home", there, "restore", backup)
    return hits, halves


def reconciled(w, backup):
    """The syncs that give a restored ledger its entries back, and erase again what had been erased, are killed."""
    jp, us = w[JP], w[US]
    w.give(JP, *(made("indicator", OBJECTS + n) for n in range(600)))
    jp.run("erase", stix_id("indicator", 5), "--reason", "court order")
    w.sync(US, JP)
    jp.stop()
    us.serve()
    entries = jp.results("ledger", "entries", "--limit", "10000")
    hits = long = 0
    for _ in range(RESTORES):
        shutil.rmtree(jp.home)
        jp.run("restore", backup)
        for _ in range(SYNCS if long else 0):
            hits += killed(jp, rng.uniform(0, long), "sync", US)[1]
        long = max(long, took(lambda: jp.run("sync", US)))
        assert jp.results("restore", "status") == [] and jp.results("ledger", "entries", "--limit", "10000") == entries
        store = (jp.home / "realms/live/store.db").read_bytes()
        assert b'"host 5"' not in store and b'"host 6"' in store, "what was erased is back"
        assert [e["id"] for e in jp.results("erase", "list")] == [stix_id("indicator", 5)]
        sound(jp)
    us.stop()
    return hits


class Tool:
    """Posts and deletes until the server is gone; knows what was acknowledged, and what it cannot know."""

    def __init__(self, node, accounts):
        self.node, self.accounts = node, accounts
        self.number = 0
        self.there = set()  # posts acknowledged and not deleted
        self.gone = set()  # deletions acknowledged
        self.unknown = set()  # posts, deletions without an answer
        self.deleting = None

    def ids(self, post):
        return [taxii_nodes.indicator(post * AT_ONCE + n)["id"] for n in range(AT_ONCE)]

    def run(self):
        s = session(self.node, "tool", self.accounts)
        try:
            while True:
                self.post(s)
                if self.there and self.number % 2:
                    self.delete(s, min(self.there))
        except requests.RequestException:
            pass

    def post(self, s):
        self.number += 1
        self.unknown.add(self.number)
        objects = [taxii_nodes.indicator(self.number * AT_ONCE + n) for n in range(AT_ONCE)]
        reply = s.post(f"{s.base}collections/sandbox/objects/", data=json.dumps({"objects": objects}))
        assert reply.status_code == 202, reply.text
        if reply.json()["status"] == "complete":
            assert reply.json()["success_count"] == AT_ONCE, reply.text
            self.unknown.remove(self.number)
            self.there.add(self.number)

    def delete(self, s, post):
        """The first object of a post."""
        self.there.remove(post)
        self.deleting = post
        reply = s.delete(f"{s.base}collections/sandbox/objects/{self.ids(post)[0]}/")
        assert reply.status_code == 200, reply.text
        self.deleting = None
        self.gone.add(post)

    def check(self):
        """What is there after a kill settles what was unknown."""
        s = session(self.node, "tool", self.accounts)
        held, following = set(), {}
        while following is not None:
            page = s.get(f"{s.base}collections/sandbox/objects/", params=following).json()
            held |= {o["id"] for o in page.get("objects", [])}
            following = {"next": page["next"]} if page.get("more") else None
        for post in self.there:
            assert held >= set(self.ids(post)), "a post that was acknowledged is lost"
        for post in self.gone:
            assert self.ids(post)[0] not in held and held >= set(self.ids(post)[1:]), "a deletion that was acknowledged is undone"
        for post in self.unknown:
            count = len(held & set(self.ids(post)))
            assert count in (0, AT_ONCE), f"half a post: {count}"
            if count:
                self.there.add(post)
        if self.deleting is not None:
            assert held >= set(self.ids(self.deleting)[1:])
            (self.gone if self.ids(self.deleting)[0] not in held else self.there).add(self.deleting)
        self.unknown, self.deleting = set(), None


def collections(w, accounts):
    jp = w[JP]
    accounts.add("tool")
    accounts.collection("sandbox", grants=[("account:tool", ["read", "write"])])
    tool = Tool(jp, accounts)
    for _ in range(ROUNDS):
        jp.serve()
        tool.check()
        thread = threading.Thread(target=tool.run)
        thread.start()
        time.sleep(rng.uniform(0.02, 0.3))
        os.kill(jp.process.pid, signal.SIGKILL)
        jp.process.wait()
        thread.join()
        jp.stop()
    jp.serve()
    tool.check()
    jp.stop()
    sound(jp)
    return tool


def main():
    with World(JP, US) as w:
        jp = w[JP]
        w.agree("terms", (JP, US), direction(JP, US, ALL) + direction(US, JP, [ALL[0].replace("A-1", "A-2")]))
        w.give(JP, *(made("indicator", n) for n in range(OBJECTS)))
        begin = time.monotonic()
        hits, halves, whole = backups(w)
        print(f"backup: {hits} of {ROUNDS} killed, {halves} left half; {time.monotonic() - begin:.1f} s", flush=True)
        begin = time.monotonic()
        hits, halves = restores(w, whole)
        print(f"restore: {hits} killed, {halves} left half; {time.monotonic() - begin:.1f} s", flush=True)
        begin = time.monotonic()
        hits = reconciled(w, whole)
        print(f"reconciled: {hits} syncs killed; {time.monotonic() - begin:.1f} s", flush=True)
        accounts = Accounts(jp)
        begin = time.monotonic()
        hits = approvals(w, accounts)
        print(f"approve: {hits} killed; {time.monotonic() - begin:.1f} s", flush=True)
        begin = time.monotonic()
        tool = collections(w, accounts)
        print(f"collection: {tool.number} posts, {len(tool.there)} whole, {len(tool.gone)} deleted from; {time.monotonic() - begin:.1f} s")
    print("ok")


main()
