#!/usr/bin/env python3
"""Japan, the United States and Korea under one agreement: a ledger for each publisher and recipient; what JP gave US goes on to KR only
where both agreements allow it, within its hops, and with JP's consent; a party leaves."""

import json
import sys
import time

from agreement_nodes import World, direction, made, stix_id

JP, US, KR = "JP-MOD", "US-DOD", "KR-MND"
OPEN = "{clause: %s, outcome: release, types: [all], tlp: [clear, green]}"


def onward(*rules):
    return "    onward:\n" + "".join(f"      - {rule}\n" for rule in rules)


def terms(*jp_onward):
    return (direction(JP, US, [OPEN % "JP-1"], onward(*jp_onward) if jp_onward else "")
            + direction(JP, KR, ["{clause: JP-2, outcome: release, types: [malware], tlp: [green]}"])
            + direction(US, KR, ["{clause: US-1, outcome: release, types: [all], tlp: [clear, green], sources: [own, JP-MOD]}"],
                        onward("{clause: US-ON, outcome: permit, to: [JP-MOD]}"))
            + direction(US, JP, [OPEN % "US-2"])
            + direction(KR, US, [OPEN % "KR-1"])
            + direction(KR, JP, ["{clause: KR-2, outcome: release, types: [all], tlp: [clear, green], sources: [US-DOD]}"]))


def entries(w, publisher, recipient):
    return [e for e in w[publisher].results("ledger", "show") if e["recipient"] == recipient][0]["size"]


def main():
    with World(JP, US, KR) as w:
        jp, us, kr = w[JP], w[US], w[KR]
        names = {n: json.loads(node.run("card").stdout)["card"] for n, node in w.nodes.items()}
        identity = names[JP].get("identity")
        consent = "{clause: JP-ON, outcome: consent, to: [KR-MND], types: [indicator]}"
        first, _ = w.agree("tri", w.names, terms("{clause: JP-NO, outcome: forbid, labels: {any: [close]}}", consent,
                                                 "{clause: JP-YES, outcome: permit, types: [malware]}"))
        assert {l["recipient"] for l in us.results("ledger", "show")} == {JP, KR}

        def of_jp(kind, number, **more):
            return made(kind, number, created_by_ref=identity, **more)

        asked, close, free = of_jp("indicator", 1), of_jp("indicator", 2, labels=["close"]), of_jp("malware", 3)
        other = made("indicator", 4, created_by_ref=stix_id("identity", 99))  # of somebody whom JP had it from
        w.give(JP, asked, close, free, other, made("identity", 99, name="vendor", identity_class="organization"))
        w.sync(US, JP)
        w.sync(KR, US)
        w.sync(KR, JP)

        # Without consent nothing but what is permitted goes on; KR does not even hear of the rest.
        held = w.held(KR, "indicator") | w.held(KR, "malware")
        assert set(held) == {free["id"]}, held.keys()
        reasons = {o["id"]: w.why(US, o["id"], KR)[0]["decision"]["reason"] for o in (asked, close, other)}
        assert reasons == {asked["id"]: "consent-needed", close["id"]: "onward-forbidden", other["id"]: "too-many-hops"}, reasons
        for path in kr.home.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                assert not any(o["id"].encode() in data for o in (asked, close, other)), path

        # JP is asked, and consents for the one object and the one recipient.
        wanted = us.results("agreement", "consent", "wanted")
        assert [(x["object"], x["originator"], x["recipient"], x["clause"]) for x in wanted] == [(asked["id"], JP, KR, "JP-ON")], wanted
        file = w.folder / "consent.json"
        us.run("agreement", "consent", "give", asked["id"], "--holder", US, "--to", KR, check=False)
        jp.run("agreement", "consent", "give", asked["id"], "--holder", US, "--to", KR, "--file", file)
        text = file.read_text()
        for altered in (text.replace(asked["id"], close["id"]), text.replace(KR, JP), text.replace(f'"holder":"{US}"', f'"holder":"{KR}"'),
                        text.replace('"realm":"live"', '"realm":"exercise"'), text.replace("consent/v1", "consent/v2"), "{}", text[:-9]):
            wrong = w.folder / "wrong.json"
            wrong.write_text(altered)
            refused = us.run("agreement", "consent", "add", wrong, check=False)
            assert refused.returncode == 2, altered
        assert kr.run("agreement", "consent", "add", file, check=False).returncode == 2, "it is not KR's to use"
        added = us.results("agreement", "consent", "add", file)[0]
        assert added["released"] == 1, (added, identity, w.why(US, asked["id"], KR))
        assert not us.results("agreement", "consent", "wanted")
        w.sync(KR, US)
        assert set(w.held(KR, "indicator")) == {asked["id"]}
        assert w.held(KR, "indicator")[asked["id"]]["source"] == US
        assert [c["consent"] for c in us.results("agreement", "consent", "list")] == ["added"]
        assert [c["consent"] for c in jp.results("agreement", "consent", "list")] == ["given"]
        # It is JP's object: it does not come back, and US alone cannot revoke it at KR when JP speaks for itself.
        assert w.why(KR, asked["id"], JP)[0]["decision"]["outcome"] == "withhold"

        # What JP withdraws from US goes from KR, too.
        jp.run("withdraw", free["id"], "--from", US)
        w.sync(US, JP)
        w.sync(KR, US)
        us.run("release")
        w.sync(KR, US)
        kinds = [e["record"]["kind"] for e in us.results("ledger", "entries", "--to", KR) if e["record"]["object"] == free["id"]]
        assert kinds == ["release", "withdraw"], kinds
        assert set(w.held(KR, "malware")) == {free["id"]}, "JP gave it to KR itself"
        jp.run("withdraw", free["id"], "--from", KR)
        w.sync(KR, JP)
        assert not w.held(KR, "malware")

        # Without the consent it is taken back.
        assert us.results("agreement", "consent", "remove", asked["id"], "--to", KR)[0]["withdrawn"] == 1
        w.sync(KR, US)
        assert not w.held(KR, "indicator")

        # A second agreement under which JP's things come forbids by saying nothing.
        us.run("agreement", "consent", "add", file)
        w.sync(KR, US)
        assert set(w.held(KR, "indicator")) == {asked["id"]}
        w.agree("bilateral", (JP, US), direction(JP, US, ["{clause: B-1, outcome: release, types: [indicator], tlp: [green]}"]))
        w.give(JP, of_jp("malware", 7))
        w.sync(US, JP)
        us.run("release")
        assert w.why(US, stix_id("malware", 7), KR)[0]["decision"]["reason"] == "onward-forbidden"

        # KR leaves: nothing more goes to it or comes from it; JP and US go on.
        notice = w.folder / "notice.json"
        kr.run("agreement", "terminate", first[:12], "--file", notice)
        us.run("agreement", "terminate", first[:12], "--on", "2001-01-01T00:00:00Z", check=False)
        wrong.write_text(notice.read_text().replace(KR, US))
        assert jp.run("agreement", "terminate", "--add", wrong, check=False).returncode == 2
        for node in (jp, us):
            node.run("agreement", "terminate", "--add", notice)
        time.sleep(0.01)
        sizes = entries(w, US, KR), entries(w, KR, US)
        w.give(US, made("indicator", 20))
        w.give(KR, made("indicator", 21))
        assert (entries(w, US, KR), entries(w, KR, US)) == sizes
        assert w.why(US, stix_id("indicator", 20), KR)[0]["decision"]["reason"] == "ended"
        assert any(w.why(US, stix_id("indicator", 20), JP)[i].get("released") for i in range(len(w.why(US, stix_id("indicator", 20), JP))))
        assert f"{KR} leaves it" in jp.run("agreement", "list").stdout
        for node in w.nodes.values():
            assert all(v["verified"] for v in node.results("ledger", "verify"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
