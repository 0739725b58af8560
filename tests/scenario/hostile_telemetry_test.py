"""Telemetry that is broken, and places that cannot be written: what is whole is found all the same, what is not is named, and
nothing is taken for anything else."""

import gzip
import os
import pathlib
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
from commands import DONE, NO, PROGRAM, SECONDS, TROUBLE, Case, bundle, dns_line, indicator  # noqa: E402

LINE = dns_line("evil.example")


class Broken(Case):
    def setUp(self):
        super().setUp()
        self.jp = self.node()
        self.jp.run("import", self.write("feed.json", bundle(indicator(1, "evil.example"))))
        self.logs = self.folder / "logs"
        self.logs.mkdir()

    def alerts(self, *names, code):
        done = self.jp.run("match", "--no-sightings", "--format", "eve", *names, code=code)
        return len(done.stdout.splitlines()), done.stderr

    def test_a_broken_file_does_not_hide_the_others(self):
        packed = gzip.compress("".join(dns_line(f"d{n}.example") for n in range(2000)).encode())
        (self.logs / "a.log").write_text(LINE)
        (self.logs / "b.log.gz").write_bytes(packed[: len(packed) // 2])
        (self.logs / "c.log").write_bytes(LINE.encode("utf-16"))
        (self.logs / "d.log").write_bytes(b"\0" * 5000 + b"\n\xff\xfe\n" + LINE.encode())
        (self.logs / "e.log").write_text("")
        (self.logs / "f.log").write_text(LINE)
        found, said = self.alerts(self.logs, code=TROUBLE)
        self.assertEqual(found, 3, said)
        self.assertEqual(said.count("b.log.gz: the gzip data ends in the middle"), 1, said)
        self.assertEqual(said.count("c.log is UTF-16"), 1, said)
        observed = self.jp.run("observe", self.logs / "b.log.gz", self.logs / "f.log", code=TROUBLE)
        self.assertIn('"evil.example"', observed.stdout)
        self.assertIn("ends in the middle", observed.stderr)

    def test_a_text_in_utf_16_is_refused_and_not_silently_empty(self):
        for encoding in ("utf-16-le", "utf-16-be"):
            log = self.write("windows.log", ("\ufeff" + LINE).encode(encoding))
            self.assertIn("iconv", self.alerts(log, code=TROUBLE)[1])
        self.assertEqual(self.alerts(self.write("bom.log", ("\ufeff" + LINE).encode()), code=DONE)[0], 1)

    def test_links_that_lead_back_up(self):
        (self.logs / "below").mkdir()
        (self.logs / "below" / "a.log").write_text(LINE)
        (self.logs / "below" / "up").symlink_to("..")
        (self.logs / "self").symlink_to("self")
        (self.logs / "elsewhere").symlink_to(self.logs / "below")  # no loop: read as another folder
        os.mkfifo(self.logs / "pipe")
        self.assertEqual(self.alerts(self.logs, code=DONE)[0], 2)

    def test_alerts_that_cannot_be_written(self):
        log = self.write("many.log", LINE * 5000)
        for command in (["match", "--no-sightings", log], ["match", "--no-sightings", "--format", "eve", log], ["observe", log]):
            with self.subTest(command), open("/dev/full", "wb") as full:
                done = subprocess.run([PROGRAM, "--home", self.jp.home, *command], stdout=full, stderr=subprocess.PIPE, timeout=SECONDS)
                self.assertEqual(done.returncode, TROUBLE)
                self.assertEqual(done.stderr.count(b"annot be written") + done.stderr.count(b"cannot write"), 1, done.stderr)

    def test_a_watch_ends_when_its_alerts_go_nowhere(self):
        log = self.write("grows.log", "")
        command = [PROGRAM, "--home", self.jp.home, "match", "--no-sightings", "--follow", "--format"]
        for form in ("eve", "table"):
            with self.subTest(form), open("/dev/full", "wb") as full:
                watch = subprocess.Popen([*command, form, log], stdout=full, stderr=subprocess.PIPE)
                with open(log, "a", encoding="utf-8") as writer:
                    writer.write(LINE)
                try:
                    said = watch.communicate(timeout=SECONDS)[1]
                finally:
                    watch.kill()
                self.assertEqual(watch.returncode, TROUBLE, said)
                self.assertIn(b"the alerts cannot be written", said)

    def test_export_writes_to_a_stream_and_does_not_replace_it(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.jp.run("export", "--format", "list", "--to", pipe)
        self.assertEqual(os.read(reader, 100), b"evil.example\n")
        os.close(reader)
        self.assertTrue(stat.S_ISFIFO(pipe.stat().st_mode))
        link = self.folder / "stdout"  # a failure must not cost the machine its own
        link.symlink_to("/dev/stdout")
        self.assertEqual(self.jp.run("export", "--format", "list", "--to", link).stdout, "evil.example\n")
        log = self.write("one.log", LINE)
        summary = self.jp.run("match", "--no-sightings", "--format", "eve", "--summary", link, log).stdout
        self.assertIn('"lines"', summary)
        self.assertTrue(link.is_symlink())

    def test_no_indicators_and_no_node(self):
        empty = self.node("US-DOD", "Department of Defense, United States")
        log = self.write("one.log", LINE)
        self.assertIn("against 0 indicators", empty.run("match", log, code=NO).stderr)
        empty.home = self.folder / "nowhere"
        self.assertIn("no node in", empty.run("match", log, code=TROUBLE).stderr)


if __name__ == "__main__":
    unittest.main()
