"""serve, and the commands beside it: one writer, whoever asks."""

import signal
import socket
import ssl
import subprocess
import time
import unittest

from commands import DONE, NO, PROGRAM, SECONDS, TROUBLE, Case, bundle, dns_line, indicator, stix_id


class Serve(Case):
    def test_it_starts_tells_its_port_and_stops_when_told(self):
        jp = self.node()
        for how in (signal.SIGTERM, signal.SIGINT):
            port = jp.serve()
            socket.create_connection(("127.0.0.1", port), SECONDS).close()
            self.assertIn(f"serving JP-MOD on port {port}", jp.log.read_text())
            self.assertEqual(jp.stop(how), DONE)
            self.assertFalse((jp.home / "run/renkei.sock").exists())

    def test_only_one(self):
        jp = self.node()
        jp.serve()
        self.assertIn("another renkei is writing", jp.run("serve", code=TROUBLE).stderr)

    def test_commands_go_through_it(self):
        jp, us = self.pair()
        jp.serve()
        file = self.write("b.json", bundle(indicator(1, "evil.example")))
        self.assertIn("released 1", jp.run("import", file).stdout)
        self.assertIn("evil.example", jp.run("search", "evil.example").stdout)
        jp.run("search", "nothing-like-it", code=NO)
        jp.run("match", "--member", "NAVY-1", self.write("hit.log", dns_line("evil.example")))
        self.assertEqual(len(jp.results("search", "--type", "sighting")), 1)
        bad = indicator(2, "two.example")
        del bad["pattern"]
        done = jp.run("import", self.write("bad.json", bundle(bad)), code=TROUBLE)
        self.assertIn("objects[0]", done.stderr)
        self.assertIn("bad.json", done.stderr)
        jp.run("import", "-", input="from-a-pipe.example\n")
        jp.run("withdraw", stix_id("indicator", 1), "--from", "US-DOD")
        self.assertEqual(jp.stop(), DONE)
        jp.run("ledger", "verify")
        jp.run("search", "from-a-pipe.example")

    def test_a_new_key_is_presented_at_once(self):
        jp = self.node()
        port = jp.serve()
        before = self.certificate(port)
        jp.run("key", "rotate")
        after = self.certificate(port)
        self.assertNotEqual(before, after)
        self.assertEqual(jp.results("card")[0]["serial"], 2)

    def certificate(self, port):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", port), SECONDS) as plain, context.wrap_socket(plain) as tls:
            return tls.getpeercert(binary_form=True)

    def test_systemd_is_told(self):
        jp = self.node()
        path = self.folder / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(str(path))
            listener.settimeout(SECONDS)
            jp.serve(env={"NOTIFY_SOCKET": str(path)})
            self.assertEqual(listener.recv(100), b"READY=1")
            jp.stop()
            self.assertEqual(listener.recv(100), b"STOPPING=1")

    def test_what_a_killed_server_leaves_is_no_obstacle(self):
        jp = self.node()
        jp.serve()
        jp.server.kill()
        jp.server.wait()
        self.assertTrue((jp.home / "run/renkei.sock").exists())
        jp.run("import", self.write("l.txt", "evil.example\n"))
        jp.serve()
        self.assertEqual(jp.stop(), DONE)


class Sync(Case):
    def test_whom_it_does_not_know_it_does_not_ask(self):
        jp = self.node()
        done = jp.run("sync", "US-DOD", code=TROUBLE)
        self.assertIn("neither a trusted party nor a source", done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertIn("renkei party add", jp.run("sync", code=TROUBLE).stderr)

    def test_a_partner_that_is_down_is_trouble(self):
        jp, us = self.pair()
        self.assertEqual(jp.run("sync", "US-DOD", code=TROUBLE).stdout, "")

    def test_follow_goes_on_until_it_is_stopped(self):
        jp, us = self.pair()
        process = subprocess.Popen([PROGRAM, "--home", jp.home, "sync", "--follow", "--interval", "1s"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(2.5)
        self.assertIsNone(process.poll())
        process.terminate()
        _, said = process.communicate(timeout=SECONDS)
        self.assertGreaterEqual(said.count("renkei: "), 2)


if __name__ == "__main__":
    unittest.main()
