"""Officers, from outside: who may do what, what national policy refers to them, and that nobody stands in for another."""

import json
import os
import subprocess
import sys
import time

from agreement_nodes import SIGHTINGS, World, direction, made
from taxii_nodes import PROGRAM

PASSWORDS = {"sato": "cherry blossom front 1", "abe": "early summer rain 22", "tanaka": "harvest moon view 333",
             "kato": "first snow of year 4", "suzuki": "wind in the pines 55"}
RULES = ["{clause: A-1, outcome: release, types: [all], tlp: [clear, green]}"]
TERMS = direction("JP-MOD", "US-DOD", RULES, SIGHTINGS) + direction("US-DOD", "JP-MOD", [RULES[0].replace("A-1", "A-2")])


class Officers:
    def __init__(self, node, folder):
        self.node, self.folder = node, folder

    def file(self, password):
        path = self.folder / "password"
        path.write_text(password + "\n")
        path.chmod(0o600)
        return path

    def say(self, who, *arguments, password=None, new=None, code=0):
        env = dict(os.environ)
        if who:
            env |= {"RENKEI_AS": who, "RENKEI_PASSWORD_FILE": str(self.file(password or PASSWORDS[who]))}
        if new:
            path = self.folder / "new"
            path.write_text(new + "\n")
            env["RENKEI_NEW_PASSWORD_FILE"] = str(path)
        done = subprocess.run([PROGRAM, "--home", self.node.home, "--json", *map(str, arguments)], env=env, capture_output=True,
                              text=True, timeout=120, stdin=subprocess.DEVNULL, start_new_session=True, check=False)
        assert done.returncode == code, (who, arguments, done.returncode, done.stdout, done.stderr)
        return done

    def results(self, *arguments, **how):
        return [json.loads(line) for line in self.say(*arguments, **how).stdout.splitlines() if line.startswith("{")]

    def add(self, by, name, *roles):
        return self.results(by, "account", "add", name, *[f"--role={r}" for r in roles], new=PASSWORDS[name])[0]


def roles(o, bundle):
    """Nobody does what is not his."""
    assert "administrator" in o.say(None, "account", "add", "abe", "--role", "analyst", new=PASSWORDS["abe"], code=2).stderr
    assert "12 characters" in o.say(None, "account", "add", "sato", "--role", "administrator", new="short", code=2).stderr
    o.add(None, "sato", "administrator")
    assert "--as" in o.say(None, "import", bundle, code=2).stderr, "from now on one has to say who one is"
    assert "role of analyst" in o.say("sato", "import", bundle, code=2).stderr
    o.add("sato", "abe", "analyst")
    o.add("sato", "tanaka", "releasing")
    o.add("sato", "kato", "releasing", "analyst")
    assert "already" in o.say("sato", "account", "add", "abe", "--role", "analyst", new=PASSWORDS["abe"], code=2).stderr
    assert "role of administrator" in o.say("abe", "account", "add", "x", "--role", "analyst", new=PASSWORDS["abe"], code=2).stderr
    assert "role of administrator" in o.say("tanaka", "key", "rotate", code=2).stderr
    assert "role of releasing" in o.say("abe", "release", code=2).stderr
    assert "last administrator" in o.say("sato", "account", "disable", "sato", code=2).stderr
    o.say("sato", "account", "disable", "abe")
    wrong = o.say("abe", "import", bundle, code=2).stderr
    assert wrong == o.say("nobody", "import", bundle, password="no password at all", code=2).stderr, "tells nothing apart"
    o.say("sato", "account", "enable", "abe")


def locking(o, bundle):
    for _ in range(5):
        assert "not its password" in o.say("abe", "import", bundle, password="guess after guess", code=2).stderr
    assert "locked" in o.say("abe", "import", bundle, code=2).stderr, "the right one, too late"
    o.say("sato", "account", "reset", "abe", new=PASSWORDS["abe"])


def policy(o, folder):
    key = o.add("sato", "suzuki", "policy")["key"]
    text = (f'renkei: national-policy/v1\nparty: JP-MOD\nversion: 1\neffective: 2026-01-01\nofficer: "{key}"\nrules:\n'
            "  - {clause: N-1, outcome: refer, approvals: 2, types: [indicator]}\n"
            "  - {clause: N-2, outcome: refer, types: [malware]}\n")
    file = folder / "national.yaml"
    file.write_text(text)
    assert "role of policy" in o.say("tanaka", "policy", "install", file, code=2).stderr
    installed = o.results("suzuki", "policy", "install", file)[0]
    assert installed["version"] == 1 and installed["rules"] == 2, installed
    assert "version" in o.say("suzuki", "policy", "install", file, code=2).stderr, "not the same again"
    assert o.results(None, "policy", "show")[0]["text"] == text


def queue_of(o, who="tanaka"):
    return {(q["id"], q["to"]): (q["approved"], q["needed"], q["refused"]) for q in o.results(who, "release", "queue")}


def queue(o, us, bundle, folder):
    indicator, malware, other = bundle
    path = folder / "referred.json"
    path.write_text(json.dumps({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000001", "objects": bundle}))
    decided = [r for r in o.results("abe", "import", path) if "decided" in r][0]
    assert decided["released"] == 0, decided
    assert queue_of(o) == {(indicator["id"], "US-DOD"): (0, 2, 0), (malware["id"], "US-DOD"): (0, 1, 0), (other["id"], "US-DOD"): (0, 2, 0)}
    why = o.results(None, "why", indicator["id"], "--to", "US-DOD")[0]
    assert "N-1" in json.dumps(why), "a national user sees the national clause"

    assert "role of releasing" in o.say("abe", "release", "approve", indicator["id"], code=2).stderr
    o.say("tanaka", "release", "approve", indicator["id"], "--reason", "agreed with the source")
    o.say("tanaka", "release", "approve", indicator["id"])
    assert queue_of(o)[indicator["id"], "US-DOD"] == (1, 2, 0), "one officer is one officer"
    said = o.results("kato", "release", "approve", indicator["id"])[-1]
    assert said["released"] == 1, said
    assert "does not wait" in o.say("kato", "release", "approve", indicator["id"], code=2).stderr
    assert "--reason" in o.say("kato", "release", "refuse", malware["id"], code=2).stderr
    o.say("kato", "release", "refuse", malware["id"], "--reason", "not ours to give")
    o.say("tanaka", "release", "approve", malware["id"])
    assert queue_of(o)[malware["id"], "US-DOD"] == (1, 1, 1), "one refusal is enough"

    # What was approved was this version and no other.
    newer = {**indicator, "modified": "2026-02-01T00:00:00.000Z", "name": "host 1, again"}
    path.write_text(json.dumps({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000002", "objects": [newer]}))
    decided = [r for r in o.results("abe", "import", path) if "decided" in r][0]
    assert decided["released"] == 0 and queue_of(o)[indicator["id"], "US-DOD"] == (0, 2, 0), decided
    return us


def tokens(o, bundle):
    """A token does what its scopes and its account both may, until it ends or is taken back, and signs nothing."""
    file = o.folder / "token"

    def by_token(*arguments, code=0, text=None):
        if text is not None:
            file.write_text(text + "\n")
        env = {**os.environ, "RENKEI_TOKEN_FILE": str(file)}
        done = subprocess.run([PROGRAM, "--home", o.node.home, "--json", *map(str, arguments)], env=env, capture_output=True,
                              text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def made_by(who, *scopes, length="1h"):
        return o.results(who, "token", "add", *[f"--scope={s}" for s in scopes], "--for", length, "--note", "the feed reader")[0]

    assert "does not have the role" in o.say("abe", "token", "add", "--scope", "releasing", code=2).stderr
    assert "needs a scope" in o.say("abe", "token", "add", code=2).stderr
    assert "366 days" in o.say("abe", "token", "add", "--scope", "analyst", "--for", "2y", code=2).stderr
    reader = made_by("abe", "analyst", "taxii")
    assert reader["scopes"] == "analyst, taxii" and reader["token"].startswith("renkei_" + reader["id"]), reader
    by_token("import", bundle, text=reader["token"])
    assert "makes no tokens" in by_token("token", "add", "--scope", "analyst", code=2).stderr
    narrow = made_by("kato", "analyst")
    assert "this token of kato" in by_token("release", code=2, text=narrow["token"]).stderr, "kato may; this token may not"
    officer = made_by("kato", "releasing")
    by_token("release", text=officer["token"])
    waiting = next(iter(queue_of(o)))[0]
    assert "needs the password" in by_token("release", "approve", waiting, code=2).stderr

    listed = {t["id"]: t for t in o.results(None, "token", "list")}
    assert {reader["id"], narrow["id"], officer["id"]} <= set(listed) and not any("token" in t for t in listed.values()), listed
    for path in o.node.home.rglob("*"):
        assert not path.is_file() or reader["token"].split("_")[2].encode() not in path.read_bytes(), path
    wrong = reader["token"][:-1] + ("0" if reader["token"][-1] != "0" else "1")
    unknown = "renkei_" + "0" * 16 + reader["token"][23:]
    refused = {by_token("import", bundle, code=2, text=t).stderr for t in (wrong, unknown, "renkei_", "", reader["token"] + "0")}
    assert len(refused) == 2 and all("token" in r or "--as" in r for r in refused), refused
    assert "administrator take it back" in o.say("tanaka", "token", "revoke", reader["id"], code=2).stderr
    o.say("sato", "token", "revoke", reader["id"])
    assert "taken back" in by_token("import", bundle, code=2, text=reader["token"]).stderr
    short = made_by("abe", "analyst", length="1s")
    time.sleep(1.1)
    assert "has ended" in by_token("import", bundle, code=2, text=short["token"]).stderr
    o.say("sato", "account", "disable", "kato")
    assert "taken back" in by_token("release", code=2, text=officer["token"]).stderr, "a disabled account's tokens are, too"
    o.say("sato", "account", "enable", "kato")
    by_token("release")
    o.say("sato", "account", "reset", "kato", new=PASSWORDS["kato"])
    assert "taken back" in by_token("release", code=2).stderr

    # A login: a file of the user's own, and what it opens ends with it.
    runtime = o.folder / "runtime"
    runtime.mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    os.environ["RENKEI_PASSWORD_FILE"] = str(o.file(PASSWORDS["abe"]))
    o.say(None, "login", "abe", "--for", "1h")
    del os.environ["RENKEI_PASSWORD_FILE"]
    kept = next((runtime / "renkei").iterdir())
    assert kept.stat().st_mode & 0o777 == 0o600
    o.say(None, "import", bundle)
    o.say(None, "logout")
    assert not kept.exists() and "--as" in o.say(None, "import", bundle, code=2).stderr
    assert "not logged in" in o.say(None, "logout", code=2).stderr
    assert "24 hours" in o.say("abe", "login", "abe", "--for", "2d", code=2).stderr
    o.say("abe", "login", "abe")
    o.say("abe", "account", "password", new=PASSWORDS["abe"] + "!")
    PASSWORDS["abe"] += "!"
    assert "taken back" in o.say(None, "import", bundle, code=2).stderr, "another password ends the logins"
    o.say(None, "logout")


def secrets(o):
    """No password is in anything the node keeps or says, nor an officer in anything a partner gets."""
    for path in o.node.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for word in (*PASSWORDS.values(), "guess after guess"):
                assert word.encode() not in content, (path, word)
    audit = o.say(None, "audit", "list").stdout
    assert "not proven to be abe" in audit and "as tanaka" in audit, audit
    assert "the audit holds" in o.node.run("audit", "verify").stdout
    first = {a["name"]: a["key"] for a in o.results(None, "account", "list")}
    o.say("kato", "account", "password", new="the second one is longer")
    PASSWORDS["kato"] = "the second one is longer"
    assert first == {a["name"]: a["key"] for a in o.results("kato", "account", "list")}, "another password, the same key"


def main():
    with World("JP-MOD", "US-DOD") as w:
        w.agree("terms", ["JP-MOD", "US-DOD"], TERMS)
        jp, us = w["JP-MOD"], w["US-DOD"]
        o = Officers(jp, w.folder)
        bundle = [made("indicator", 1), made("malware", 2), made("indicator", 3)]
        free = w.folder / "free.json"
        free.write_text(json.dumps({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000",
                                    "objects": [made("malware", 9)]}))
        roles(o, free)
        locking(o, free)
        policy(o, w.folder)
        jp.serve()  # the same through a running server
        queue(o, us, bundle, w.folder)
        us.run("sync", "JP-MOD")
        got = {r["id"]: r for r in us.results("search", "--source", "JP-MOD")}
        assert bundle[0]["id"] in got and bundle[1]["id"] not in got and bundle[2]["id"] not in got, got
        for path in us.home.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                for word in (b"tanaka", b"agreed with the source", b"N-1", b"not ours to give"):
                    assert word not in content, (path, word)
        tokens(o, free)
        jp.stop()
        secrets(o)
    return 0


if __name__ == "__main__":
    sys.exit(main())
