"""sync is killed at random moments, again and again: what was stored stays verified, nothing is lost, nothing comes twice."""

import json
import os
import random
import signal
import subprocess
import time

import taxii_nodes

COUNT = 60000
KILLS = 12


def killed_sync(us, seconds):
    """True when it was killed, with all its processes, before it was done."""
    sync = subprocess.Popen(
        [taxii_nodes.PROGRAM, "--home", us.home, "sync", "JP-MOD"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        trouble = sync.communicate(timeout=seconds)[1]
    except subprocess.TimeoutExpired:
        os.killpg(sync.pid, signal.SIGKILL)
        sync.communicate()
        return True
    assert sync.returncode == 0, f"a sync that was left alone failed: {trouble}"
    return False


def main():
    rng = random.Random(20240229)
    with taxii_nodes.Pair() as pair:
        jp, us = pair.jp, pair.us
        content = pair.folder / "content.json"
        content.write_text(json.dumps(taxii_nodes.bundle([taxii_nodes.indicator(n) for n in range(COUNT)])))
        jp.run("import", "--tlp", "green", content)
        jp.serve()
        killed = sum(killed_sync(us, rng.uniform(0.05, 2.5)) for _ in range(KILLS))
        time.sleep(0.2)
        done = us.results("sync", "JP-MOD")[-1]
        ledger = done["ledgers"][0]
        assert ledger["verified"] and ledger["cosigned"], done
        verdict = us.results("ledger", "verify", "--from", "JP-MOD")
        assert verdict[-1]["verified"] and verdict[-1]["size"] == ledger["size"], verdict
        for n in (0, 1, COUNT // 2, COUNT - 1):
            versions = [r for r in us.results("show", taxii_nodes.indicator(n)["id"], "--history")]
            assert versions, f"indicator {n} is missing"
        again = us.results("sync", "JP-MOD")[-1]
        assert again["read"] == 0, again
        print(f"ok: killed {killed} times; the last sync began at {ledger['size_before']} of {ledger['size']}")


main()
