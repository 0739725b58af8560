#!/usr/bin/env python3
"""The doctor finds what was broken on purpose, says what to do, and is content with a node that is well."""

import json
import pathlib
import sys

from taxii_nodes import Pair

HERE = {"clock", "limits", "disk"}  # what the machine under the test may be warned of


def findings(node, *flags):
    """What is not well, by check; and the exit code's agreement with it."""
    done = node.run("--json", "doctor", *flags, check=False)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    worst = max({"ok": 0, "warning": 1, "error": 2}[f["level"]] for f in found)
    assert done.returncode == worst, (done.returncode, found)
    assert all(f.get("advice") for f in found if f["level"] != "ok" and f["check"] not in HERE), found
    return {f["check"]: f for f in found if f["level"] != "ok" and f["check"] not in HERE}, {f["check"] for f in found}


def main():
    with Pair() as pair:
        jp, us = pair.jp, pair.us
        jp.serve()
        us.serve()
        bad, seen = findings(jp, "--partners")
        assert not bad, bad
        assert seen == {"folder", "configuration", "keys", "cards", "clock", "disk", "limits", "ledgers", "server", "partners"}, seen
        us.stop()
        bad, _ = findings(jp, "--partners")
        assert set(bad) == {"partners"} and "US-DOD" in bad["partners"]["message"], bad
        jp.stop()
        assert set(findings(jp)[0]) == {"server"}
        key = pathlib.Path(jp.key_file("log.key"))
        key.chmod(0o644)
        assert findings(jp)[0]["keys"]["level"] == "error"
        key.chmod(0o600)
        moved = key.rename(key.with_suffix(".away"))
        assert "log.key" in findings(jp)[0]["keys"]["message"]
        moved.rename(key)
        certificate = pathlib.Path(jp.key_file("tls.crt"))
        own = certificate.read_text()
        certificate.write_text(pathlib.Path(us.key_file("tls.crt")).read_text())
        assert "another key" in findings(jp)[0]["keys"]["message"]
        certificate.write_text(own)
        jp.home.chmod(0o777)
        assert findings(jp)[0]["folder"]["level"] == "error"
        jp.home.chmod(0o700)
        config = jp.home / "renkei.yaml"
        text = config.read_text()
        config.write_text(text + "nonsense: 1\n")
        assert "nonsense" in findings(jp)[0]["configuration"]["message"]
        config.write_text(text)
        backup = pair.folder / "backup"
        jp.run("backup", backup)
        jp.home.rename(pair.folder / "before")
        jp.run("restore", backup)
        assert "on hold" in findings(jp)[0]["ledgers"]["message"]
        assert "→" in jp.run("doctor", check=False).stdout
    return 0


if __name__ == "__main__":
    sys.exit(main())
