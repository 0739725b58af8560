"""Full patterns in match: found exactly, on lines in any order, with any number of threads; what cannot be is named."""

import json
import unittest

from commands import DONE, NO, TROUBLE, Case, bundle, dns_line, indicator


def pattern(number, text, **more):
    return {**indicator(number, f"pattern {number}"), "pattern": text, **more}


def conn_line(dst, port, time="2025-06-01T12:00:00Z", src="192.0.2.7"):
    return json.dumps({"_path": "conn", "ts": time, "uid": "C1", "id.orig_h": src, "id.orig_p": 4242, "id.resp_h": dst,
                       "id.resp_p": port, "proto": "tcp"}) + "\n"


def at(second):
    return f"2025-06-01T12:{second // 60:02d}:{second % 60:02d}Z"


class Patterns(Case):
    def matching(self, *patterns):
        node = self.node()
        node.run("import", self.write("patterns.json", bundle(*(
            p if isinstance(p, dict) else pattern(i, p) for i, p in enumerate(patterns)))))
        return node

    def found(self, node, lines, *flags, code=DONE):
        """(number of the pattern, line it was completed on) of each alert."""
        log = self.write("log.ndjson", "".join(lines))
        done = node.run("--json", "match", log, "--no-sightings", *flags, code=code)
        alerts = [json.loads(line) for line in done.stdout.splitlines()]
        return [(int(a["threat"]["indicator"]["id"][-12:], 16), a["log"]["origin"]["file"]["line"]) for a in alerts], done

    def test_one_observation(self):
        node = self.matching("[domain-name:value LIKE '%.evil.example']",
                             "[domain-name:value MATCHES '^[a-z]{6}\\\\.dyn\\\\.']",
                             "[network-traffic:dst_port != 53 AND network-traffic:dst_ref.value = '198.51.100.7']",
                             "[domain-name:value LIKE '%evil%' AND domain-name:value NOT LIKE 'good%']")
        lines = [dns_line("c2.EVIL.example"), dns_line("abcdef.dyn.test"), dns_line("goodevil.test"),
                 conn_line("198.51.100.7", 53), conn_line("198.51.100.7", 443)]
        found, done = self.found(node, lines)
        self.assertEqual(found, [(0, 1), (3, 1), (1, 2), (2, 5)])
        self.assertNotIn("cannot be evaluated", done.stderr)
        self.assertEqual(self.found(node, [dns_line("harmless.test")], code=NO)[0], [])

    def test_what_nothing_can_be_spoils_nothing_else(self):
        """A value of the wrong kind among others, and wildcards beside what folding takes away."""
        node = self.matching("[ipv4-addr:value IN ('198.51.100.7', 'no address')]",
                             "[domain-name:value = 'no name' OR domain-name:value = 'evil.example']",
                             "[domain-name:value LIKE '%.']", "[domain-name:value LIKE '%.EVIL.example']",
                             "[domain-name:value LIKE 'Evil.Example.']", "[url:value LIKE 'HTTP://Evil.example/%Gate']",
                             "[ipv4-addr:value = 'no address']")
        url = json.dumps({"_path": "http", "ts": at(5), "uid": "C2", "id.orig_h": "192.0.2.7", "id.orig_p": 1, "id.resp_h": "203.0.113.1",
                          "id.resp_p": 80, "method": "GET", "host": "evil.EXAMPLE", "uri": "/a/Gate"}) + "\n"
        found, done = self.found(node, [conn_line("198.51.100.7", 443), dns_line("a.evil.example."), url])
        self.assertEqual(sorted(found), [(0, 1), (1, 3), (3, 2), (4, 3), (5, 3)])
        self.assertIn("1 of 7 indicators cannot be evaluated", done.stderr)

    def test_from_is_not_the_envelope(self):
        node = self.matching("[email-message:from_ref.value = 'a@evil.example']", "[email-message:sender_ref.value = 'a@evil.example']")
        mail = {"_path": "smtp", "ts": at(5), "uid": "C2", "id.orig_h": "192.0.2.7", "id.orig_p": 1, "id.resp_h": "203.0.113.1", "id.resp_p": 25,
                "mailfrom": "a@evil.example", "from": "b@c.example", "rcptto": ["d@c.example"], "to": ["d@c.example"]}
        other = {**mail, "mailfrom": "b@c.example", "from": "a@EVIL.example"}
        found, _ = self.found(node, [json.dumps(m) + "\n" for m in (mail, other)])
        self.assertEqual(sorted(found), [(0, 2), (1, 1)])

    def test_headers_are_lists_or_strings(self):
        """STIX 2.1 makes a header's values a list, 2.0 a string; patterns of both find both."""
        path = "network-traffic:extensions.'http-request-ext'.request_header."
        node = self.matching(f"[{path}'User-Agent'[*] LIKE '%jndi%']", f"[{path}'User-Agent' LIKE '%jndi%']", f"[{path}Host = 'evil.example']",
                             f"[{path}Host[*] = 'evil.example']", f"[{path}'User-Agent'[*] = 'x'] FOLLOWEDBY [{path}'User-Agent' = '${{jndi:x}}']")
        http = {"_path": "http", "ts": at(5), "uid": "C2", "id.orig_h": "192.0.2.7", "id.orig_p": 1, "id.resp_h": "203.0.113.1", "id.resp_p": 80,
                "method": "GET", "host": "evil.example", "uri": "/", "user_agent": "${jndi:x}"}
        old = {"type": "observed-data", "id": "observed-data--00000000-0000-4000-8000-000000000001", "first_observed": at(1), "last_observed": at(1),
               "number_observed": 1, "objects": {"0": {"type": "network-traffic", "protocols": ["http"], "extensions": {"http-request-ext": {
                   "request_method": "get", "request_value": "/", "request_header": {"User-Agent": "x", "Host": "evil.example"}}}}}}
        found, _ = self.found(node, [json.dumps(old) + "\n", json.dumps(http) + "\n"])
        self.assertEqual(sorted(found), [(0, 2), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2), (4, 2)])

    def test_several_observations(self):
        node = self.matching("[domain-name:value = 'evil.example'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.7']",
                             "[domain-name:value = 'evil.example'] REPEATS 3 TIMES WITHIN 60 SECONDS")
        lines = [dns_line("evil.example", at(10)), dns_line("other.example", at(11)), conn_line("198.51.100.7", 443, at(20)),
                 dns_line("evil.example", at(30)), dns_line("evil.example", at(69)), dns_line("evil.example", at(70))]
        found, done = self.found(node, lines)
        self.assertEqual(found, [(0, 3), (1, 5)])
        first = json.loads(done.stdout.splitlines()[0])
        self.assertEqual([p["line"] for p in first["renkei"]["observations"]], [1, 3], "all lines are named")
        table = node.run("match", "--no-sightings", self.folder / "log.ndjson").stdout
        self.assertIn("log.ndjson:1", table)
        self.assertIn("log.ndjson:3", table)
        # the order of lines and the number of threads do not matter; nor that they stand in two files
        for threads in "1", "2":
            self.assertEqual(self.found(node, lines[2::-1], "--threads", threads)[0], [(0, 3)])
        one, two = self.write("one.ndjson", lines[0]), self.write("two.ndjson", lines[2])
        done = node.run("--json", "match", one, two, "--no-sightings")
        observations = json.loads(done.stdout)["renkei"]["observations"]
        self.assertEqual([(p["file"][-10:], p["line"]) for p in observations], [("one.ndjson", 1), ("two.ndjson", 1)])

    def test_scope_and_window(self):
        node = self.matching("[domain-name:value = 'evil.example'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.7']")
        lines = [dns_line("evil.example", at(0)), conn_line("198.51.100.7", 443, at(100), src="192.0.2.8"),
                 conn_line("198.51.100.7", 443, at(200))]
        self.assertEqual(self.found(node, lines)[0], [(0, 2), (0, 3)])
        self.assertEqual(self.found(node, lines, "--scope", "host")[0], [(0, 3)])
        self.assertEqual(self.found(node, lines, "--window", "100s")[0], [(0, 2)])
        self.assertEqual(self.found(node, lines, "--window", "99s", code=NO)[0], [])
        for wrong in ("--scope", "galaxy"), ("--window", "soon"), ("--window", "0s"), ("--late", "-1s"):
            node.run("match", self.folder / "log.ndjson", *wrong, code=TROUBLE)

    def test_what_is_said(self):
        node = self.matching("[network-traffic:dst_port > 60000]", "[domain-name:value MATCHES '(((']",
                             "[domain-name:value = 'evil.example'] REPEATS 100000 TIMES",
                             {**pattern(3, "alert tcp any any -> any any"), "pattern_type": "snort"})
        _, done = self.found(node, [dns_line("evil.example")], code=NO)
        self.assertIn("3 of 4 indicators cannot be evaluated", done.stderr)
        self.assertIn("snort", done.stderr)
        self.assertIn("4096 repetitions", done.stderr)
        self.assertIn("1 patterns have a part that no value", done.stderr)

    def test_sightings_count_bindings(self):
        node = self.matching("[domain-name:value = 'evil.example'] REPEATS 2 TIMES")
        log = self.write("log.ndjson", "".join(dns_line("evil.example", at(i)) for i in range(10)))
        node.run("match", log)
        sightings = node.results("search", "--type", "sighting")
        self.assertEqual(len(sightings), 1)
        shown = node.results("show", sightings[0]["id"])[0]
        self.assertEqual(shown["object"]["count"], 5)


if __name__ == "__main__":
    unittest.main()
