"""The audit from outside: listed, verified; what is altered, taken out or cut off is named."""

import sqlite3
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
from commands import Case  # noqa: E402


class Audit(Case):
    def setUp(self):
        super().setUp()
        self.jp = self.node()
        for value in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
            self.jp.run("suppress", "add", "--value", value, "--reason", "a test")

    def sql(self, text):
        with sqlite3.connect(Path(self.jp.home) / "realms/live/store.db") as db:
            db.execute(text)
        db.close()

    def fails(self, said, *flags):
        done = self.jp.run("audit", "verify", *flags, code=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(said, done.stderr)

    def test_listed_and_verified(self):
        entries = self.jp.results("audit", "list")
        self.assertEqual([e["number"] for e in entries], list(range(1, len(entries) + 1)))
        self.assertEqual([e["operation"] for e in entries][-3:], ["suppress.add"] * 3)
        self.assertEqual(len(self.jp.results("audit", "list", "--after", str(len(entries) - 1))), 1)
        report, = self.jp.results("audit", "verify")
        self.assertEqual((report["entries"], report["signed"]), (len(entries), len(entries)))
        self.assertEqual(report["hash"], entries[-1]["hash"])

    def test_altered(self):
        self.sql("UPDATE audit SET actor='uid:7' WHERE id=2")
        self.fails("audit entry 2")

    def test_taken_out(self):
        self.sql("DELETE FROM audit WHERE id=2")
        self.fails("audit entry 2 is missing")

    def test_cut(self):
        self.sql("DELETE FROM audit WHERE id=(SELECT max(id) FROM audit)")
        self.fails("cut")

    def test_hashes_and_head_taken_out(self):
        self.sql("DELETE FROM meta WHERE name='audit-head'")
        self.fails("signed head is missing")

    def test_put_back_whole_is_shown_by_a_head_kept_elsewhere(self):
        store = Path(self.jp.home) / "realms/live/store.db"
        self.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        before = store.read_bytes()
        self.jp.run("suppress", "add", "--value", "192.0.2.4", "--reason", "a test")
        report, = self.jp.results("audit", "verify")
        for beside in ("-wal", "-shm"):
            Path(str(store) + beside).unlink(missing_ok=True)
        store.write_bytes(before)
        self.jp.run("audit", "verify")
        self.fails("cut", "--head", f"{report['entries']}:{report['hash']}")


if __name__ == "__main__":
    unittest.main()
