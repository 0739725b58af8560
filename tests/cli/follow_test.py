"""match --follow: what is imported while it runs is matched with from then on, and nothing is lost by it."""

import json
import signal
import subprocess
import time
import unittest

from commands import PROGRAM, SECONDS, Case, bundle, dns_line, indicator


class Follow(Case):
    def until(self, what, seconds=30):
        end = time.monotonic() + seconds
        while not what():
            self.assertLess(time.monotonic(), end, "in time")
            time.sleep(0.1)

    def test_new_indicators_are_taken_in_without_a_pause(self):
        node = self.node()
        node.run("import", self.write("one.json", bundle(indicator(1, "first.example"))))
        log, out = self.write("dns.log", dns_line("first.example")), self.folder / "out"
        with open(out, "wb") as written:
            following = subprocess.Popen([PROGRAM, "--home", node.home, "--verbose", "match", "--time", "any", "--format", "ecs", "--follow", log],
                                         stdout=written, stderr=subprocess.PIPE)

        def seen():
            return [json.loads(line)["threat"]["indicator"]["id"][-12:] for line in out.read_text().splitlines()]

        try:
            self.until(lambda: len(seen()) == 1)
            node.run("import", self.write("two.json", bundle(indicator(2, "second.example"),
                                                             {**indicator(3, "x"), "pattern": "[domain-name:value LIKE '%.third.example']"})))
            while True:  # until the new ones count; meanwhile the first alerts all the same
                before = len(seen())
                with open(log, "a", encoding="utf-8") as more:
                    more.write(dns_line("first.example") + dns_line("second.example") + dns_line("a.third.example"))
                self.until(lambda: len(seen()) > before)
                if seen()[-1].endswith("3"):
                    break
                self.assertLess(before, 200, "the new indicators never count")
                time.sleep(0.2)
            following.send_signal(signal.SIGINT)
            said = following.communicate(timeout=SECONDS)[1].decode()
        finally:
            following.kill()
        lines = log.read_text().count("\n")
        self.assertIn(f"{lines} lines", said)
        numbers = [int(n, 16) for n in seen()]
        self.assertEqual(numbers.count(1), (lines - 1) // 3 + 1, "the first alerts on every line of its own, before, during and after")
        self.assertEqual(numbers.count(2), numbers.count(3))
        kept = {node.results("show", s["id"])[0]["object"]["sighting_of_ref"][-1]: node.results("show", s["id"])[0]["object"]["count"]
                for s in node.results("search", "--type", "sighting")}
        self.assertEqual(kept, {"1": numbers.count(1), "2": numbers.count(2), "3": numbers.count(3)}, "nor is a sighting")


if __name__ == "__main__":
    unittest.main()
