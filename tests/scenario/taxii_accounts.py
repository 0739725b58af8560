"""Accounts of a node for the TAXII scenarios: made by the command line, used over HTTP Basic and with tokens."""

import json
import os
import subprocess

import taxii_nodes

ADMINISTRATOR, PASSWORD = "sato", "cherry blossom front 1"
TAXII = "application/taxii+json;version=2.1"


class Accounts:
    """The first account is the administrator's, who makes the others. Every password is PASSWORD and the name."""

    def __init__(self, node):
        self.node = node
        self.say(None, "account", "add", ADMINISTRATOR, "--role=administrator", "--role=releasing", "--role=policy",
                 "--role=analyst", new=ADMINISTRATOR)

    def password(self, name):
        return f"{PASSWORD} {name}"

    def _file(self, name):
        path = self.node.home / f"password-{name}"
        path.write_text(self.password(name) + "\n")
        path.chmod(0o600)
        return str(path)

    def say(self, who, *arguments, new=None, code=0):
        env = dict(os.environ)
        if who:
            env |= {"RENKEI_AS": who, "RENKEI_PASSWORD_FILE": self._file(who)}
        if new:
            env["RENKEI_NEW_PASSWORD_FILE"] = self._file(new)
        done = subprocess.run([taxii_nodes.PROGRAM, "--home", self.node.home, "--json", *map(str, arguments)], env=env,
                              capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, start_new_session=True)
        assert done.returncode == code, (who, arguments, done.returncode, done.stdout, done.stderr)
        return done

    def results(self, *arguments, who=ADMINISTRATOR, code=0):
        return [json.loads(line) for line in self.say(who, *arguments, code=code).stdout.splitlines()]

    def add(self, name, acts_for="own"):
        self.say(ADMINISTRATOR, "account", "add", name, "--for", acts_for, new=name)
        return name

    def token(self, name, *flags):
        return self.results("token", "add", "--scope", "taxii", *flags, who=name)[0]["token"]

    def collection(self, name, *flags, grants=()):
        made = self.results("collection", "create", name, *flags)[0]
        for who, rights in grants:
            self.results("collection", "grant", made["root"] + "/" + name, "--to", who, *[f"--{r}" for r in rights])
        return made


def session(node, name=None, accounts=None, token=None, root="live"):
    """A requests session that knows the node's certificate, and who asks."""
    import requests

    made = requests.Session()
    made.verify = node.key_file("tls.crt")
    made.headers.update({"Accept": TAXII, "Content-Type": TAXII})
    if name:
        made.auth = (name, accounts.password(name))
    if token:
        made.headers["Authorization"] = f"Bearer {token}"
    made.base = f"{node.url}/api/{root}/"
    return made
