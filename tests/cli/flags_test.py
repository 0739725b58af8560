"""What every command has: help, mistakes in its flags named, exit codes, --home, --json; and shell completion."""

import json
import shutil
import subprocess
import unittest

from commands import NO, PROGRAM, TROUBLE, Case, bundle, indicator, run


def command_names():
    listed = run("--help").stdout.split("COMMAND [ARGUMENTS]")[1].split("--home")[0]
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


class Help(Case):
    def test_each_command_explains_itself_with_an_example(self):
        names = command_names()
        self.assertGreater(len(names), 15)
        for name in names:
            with self.subTest(name):
                said = run(name, "--help").stdout
                self.assertTrue(said.startswith(f"renkei {name}"), said)
                self.assertRegex(said, rf"(?m)^  (source <\()?renkei (--as \w+ )?{name}\b", "no example")
                self.assertEqual(said, run("help", name).stdout)
                self.assertLessEqual(max(map(len, said.splitlines())), 120)

    def test_help_needs_no_node(self):
        self.assertIn("usage: renkei", run("--help").stdout)
        self.assertEqual(run("--help").stdout, run("help").stdout)

    def test_version(self):
        self.assertRegex(run("--version").stdout, r"^renkei \d+\.\d+\.\d+\n$")


class Mistakes(Case):
    def expect(self, arguments, *said):
        done = run(*arguments, code=TROUBLE)
        self.assertTrue(done.stderr.startswith("renkei: "), done.stderr)
        for text in said:
            self.assertIn(text, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_without_a_command_the_help_is_on_stderr(self):
        done = run(code=TROUBLE)
        self.assertEqual(done.stdout, "")
        self.assertIn("usage: renkei", done.stderr)

    def test_an_unknown_command_suggests_the_nearest(self):
        self.expect(["inport"], "no command 'inport'; did you mean 'import'?")
        self.expect(["agremeent"], "did you mean 'agreement'?")
        self.expect(["help", "mtach"], "did you mean 'match'?")
        self.expect(["xyzzyxyzzy"], "no command 'xyzzyxyzzy'", "renkei --help")

    def test_a_wrong_flag_is_named(self):
        for arguments, said in (
            (["init", "--colour", "red"], "there is no flag --colour"),
            (["init", "--party"], "--party needs a value"),
            (["search", "-x"], "there is no flag -x"),
            (["search", "--limit", "many"], "--limit is a number"),
            (["agreement", "new", "--wiht", "card"], "there is no flag --wiht"),
            (["agreement", "sign", "--to"], "--to needs a value"),
            (["import", "--confidence", "101", "x"], "--confidence is a number from 0 to 100"),
            (["match", "--time", "later", "x"], "--time is event, now or any"),
            (["match", "--threads", "0", "x"], "--threads is a number from 1"),
            (["sync", "--interval", "soon"], "--interval is a time span"),
            (["serve", "--sync-every", "0s"], "--sync-every is a time span"),
            (["ledger", "entries", "--first", "-1"], "--first, --limit and --entry are numbers"),
            (["--home"], "--home needs a folder"),
            (["--home", "", "card"], "--home needs a folder"),
        ):
            with self.subTest(arguments):
                self.expect(arguments, said, "--help shows how")

    def test_what_is_missing_is_named(self):
        for arguments, said in (
            (["init", "--party", "JP-MOD"], "--party, --name and --url are needed"),
            (["party", "add"], "takes one card"),
            (["party", "frob"], "unknown: party frob"),
            (["agreement", "check"], "takes one file"),
            (["agreement", "add", "x"], "the signature of each party"),
            (["import"], "which file?"),
            (["match"], "which file?"),
            (["show"], "takes one id"),
            (["why", "indicator--x"], "--to PARTY"),
            (["withdraw", "--from", "US-DOD"], "--from PARTY"),
            (["ledger", "prove", "--to", "US-DOD"], "takes an id, or --entry N, and --to PARTY"),
            (["key"], "key rotate"),
            (["completion", "fish"], "completion bash"),
        ):
            with self.subTest(arguments):
                self.expect(arguments, said)

    def test_without_a_node_every_command_says_how_to_make_one(self):
        file = self.write("x.txt", "evil.example\n")
        nowhere = self.folder / "nowhere"
        for arguments in (["card"], ["party", "list"], ["key", "rotate"], ["agreement", "list"], ["import", file], ["search"],
                          ["show", "x"], ["why", "x", "--to", "Y"], ["release"], ["withdraw", "x", "--from", "Y"],
                          ["ledger", "show"], ["serve"], ["sync"], ["match", file], ["status"]):
            with self.subTest(arguments):
                done = run("--home", nowhere, *arguments, code=TROUBLE)
                self.assertIn(f"no node in {nowhere}", done.stderr)
                self.assertIn("renkei init", done.stderr)
        self.assertFalse(nowhere.exists())


class Home(Case):
    def test_it_may_stand_anywhere(self):
        node = self.node()
        for arguments, env in (
            (["--home", node.home, "status"], {}),
            (["status", "--home", node.home], {}),
            (["status", f"--home={node.home}"], {}),
            (["status"], {"RENKEI_HOME": str(node.home)}),
            (["--home", node.home, "status"], {"RENKEI_HOME": "/nowhere"}),
        ):
            with self.subTest(arguments):
                self.assertTrue(run(*arguments, env=env).stdout.startswith("JP-MOD, realm live"))

    def test_the_default_is_under_the_user_s_folder(self):
        run("init", "--party", "JP-MOD", "--name", "Japan", "--url", "https://127.0.0.1:0", env={"HOME": str(self.folder)})
        self.assertTrue((self.folder / ".local/share/renkei/renkei.yaml").is_file())

    def test_nothing_after_two_dashes_is_a_flag(self):
        self.assertEqual(self.node().run("search", "--", "--json", code=NO).stdout, "")


class Init(Case):
    def test_twice_is_refused_and_changes_nothing(self):
        node = self.node()
        before = node.run("card").stdout
        done = node.run("init", "--party", "US-DOD", "--name", "x", "--url", "https://127.0.0.1:0", code=TROUBLE)
        self.assertIn("is a node already", done.stderr)
        self.assertEqual(node.run("card").stdout, before)

    def test_names_are_checked(self):
        for party, name, url, said in (
            ("jp", "Japan", "https://127.0.0.1:1", "--party"),
            ("JP", "", "https://127.0.0.1:1", "--name"),
            ("JP", "two\nlines", "https://127.0.0.1:1", "--name"),
            ("JP", "Japan", "http://127.0.0.1:1", "--url must begin with https://"),
            ("JP", "Japan", "https://127.0.0.1:port", "port"),
        ):
            with self.subTest(said):
                done = run("--home", self.folder / "n", "init", "--party", party, "--name", name, "--url", url, code=TROUBLE)
                self.assertIn(said, done.stderr)
                self.assertFalse((self.folder / "n/renkei.yaml").exists())

    def test_keys_are_nobody_else_s(self):
        node = self.node()
        self.assertEqual((node.home / "keys").stat().st_mode & 0o077, 0)

    def test_json_is_the_card(self):
        done = run("--home", self.folder / "n", "--json", "init", "--party", "JP-MOD", "--name", "Japan", "--url", "https://127.0.0.1:0")
        self.assertEqual(json.loads(done.stdout)["party"], "JP-MOD")

    def test_a_mistake_in_the_configuration_has_its_line(self):
        node = self.node()
        with open(node.home / "renkei.yaml", "a") as file:
            file.write("lisen: 127.0.0.1:1\n")
        line = len((node.home / "renkei.yaml").read_text().splitlines())
        self.assertRegex(node.run("status", code=TROUBLE).stderr, rf"renkei\.yaml:{line}:\d+: .*lisen")


class Json(Case):
    def test_what_prints_prints_json(self):
        jp, us = self.pair()
        jp.run("import", self.write("heron.txt", "evil.example\n198.51.100.9\n"), "--tlp", "green")
        found = jp.results("search", "evil.example", "--type", "indicator")
        self.assertEqual(len(found), 1)
        one = found[0]["id"]
        for arguments in (["card"], ["card", "--show"], ["party", "list"], ["agreement", "list"], ["search", "evil.example"],
                          ["show", one], ["why", one, "--to", "US-DOD"], ["release"], ["ledger", "show"],
                          ["ledger", "entries", "--to", "US-DOD"], ["ledger", "verify"], ["ledger", "prove", one, "--to", "US-DOD"],
                          ["status"], ["agreement", "check", self.folder / "agreement.yaml"], ["withdraw", one, "--from", "US-DOD"],
                          ["key", "rotate"], ["party", "remove", "US-DOD"]):
            with self.subTest(arguments):
                for result in jp.results(*arguments):
                    self.assertIsInstance(result, dict)


@unittest.skipUnless(shutil.which("bash"), "no bash here")
class Completion(Case):
    def complete(self, *words):
        script = 'source <("$0" completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _renkei; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", script, PROGRAM, *words], capture_output=True, text=True, cwd=self.folder, check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_commands_flags_and_files(self):
        self.write("telemetry.log", "")
        self.assertEqual(self.complete("renkei", "agr"), ["agreement"])
        self.assertEqual(self.complete("renkei", "--home", "x", "sea"), ["search"])
        self.assertIn("--valid-for", self.complete("renkei", "import", "--val"))
        self.assertEqual(self.complete("renkei", "match", "tele"), ["telemetry.log"])
        self.assertEqual(sorted(self.complete("renkei", "ledger", "v") + self.complete("renkei", "ledger", "prov")), ["prove", "verify", "verify-receipt"])


class Terminal(Case):
    def test_nothing_from_outside_steers_it(self):
        """Escape sequences, C1 controls and turned text in names, labels and telemetry come out as question marks."""
        node = self.node()
        evil = "red\x1b[31m \u009b2J \u202egnp.exe\nforged line"
        node.run("import", self.write("b.json", bundle(
            indicator(1, "evil.example", name=evil))), "--label", "a\x1b]0;title\x07b")
        shown = node.run("search", "evil.example").stdout + node.run("show", node.results("search")[0]["id"]).stdout
        shown += "".join(node.run("show", r["id"]).stdout for r in node.results("search"))
        for bad in ("\x1b", "\x07", "\u009b", "\u202e", "\nforged"):
            self.assertNotIn(bad, shown)
        self.assertIn("red?[31m", shown)


if __name__ == "__main__":
    unittest.main()
