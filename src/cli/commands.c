/* The commands: a row each. What stands here is their help, too. */
#include "cli/cli.h"

const struct command commands[] = {
    {"init", "make a node",
     "renkei init --party ID --name NAME --url https://HOST:PORT [--store postgresql://…]\n\nMakes a node: its keys, "
     "configuration, card and the live realm's store: a file\nin its folder, or a schema of a PostgreSQL database "
     "(…?schema=NAME; \"renkei\" otherwise).\n\n"
     "  renkei init --party JP-MOD --name \"Ministry of Defense, Japan\" --url https://127.0.0.1:8443\n",
     "--party --name --url --store", command_init},
    {"card", "print this node's card",
     "renkei card [--show]\n\nPrints the signed card, for partners; --show prints names and fingerprints instead.\n\n  "
     "renkei card > JP-MOD.card\n",
     "--show", command_card},
    {"account", "who may work on this node, and as what",
     "renkei account list\nrenkei account add NAME --role ROLE... | --for own|party:ID|member:ID\nrenkei account role "
     "NAME --role ROLE...\n"
     "renkei account disable|enable|reset NAME\nrenkei account password\n\n"
     "Roles: analyst, releasing, policy, auditor, administrator; a person may have several. The first account is an\n"
     "administrator's; from then on whatever writes needs --as NAME and a role. Passwords are asked for on the\n"
     "terminal, or read from the files that RENKEI_PASSWORD_FILE and RENKEI_NEW_PASSWORD_FILE name. reset gives\n"
     "another password and, as nobody can open the old one, another signing key; password changes one's own.\n"
     "--for makes a client of the TAXII server: of this party's, or of a partner or member that has no Renkei.\n\n"
     "  renkei account add sato --role administrator\n"
     "  renkei --as sato account add tanaka --role releasing\n",
     "list add role disable enable reset password --role --for", command_account},
    {"login", "prove once who you are, for some hours",
     "renkei login NAME [--for SPAN]\n\n"
     "Asks for the password; what follows is done as NAME until the time is over (8h; 24h at most), the password is\n"
     "changed, or `renkei logout`. Officers' signatures (approvals, policies) still ask: --as NAME. The login is "
     "kept\n"
     "in the user's runtime folder, readable to nobody else, and is a token: `renkei token list` shows it.\n\n"
     "  renkei login tanaka --for 4h\n",
     "--for", command_login},
    {"logout", "end the login", "renkei logout\n\nTakes the login back, on the node and here.\n\n  renkei logout\n", "",
     command_logout},
    {"token", "what programs prove an account with",
     "renkei token add --scope SCOPE... [--for SPAN] [--note TEXT]\nrenkei token list\nrenkei token revoke ID\n\n"
     "A token of one's own account, for programs: with scopes (roles one has, and taxii: to speak to the TAXII "
     "server)\n"
     "and an end (90d; 366d at most). It is shown once, and kept as a hash only. Commands take it from the file that\n"
     "RENKEI_TOKEN_FILE names; TAXII clients send it as a bearer token. It signs nothing. An administrator may revoke "
     "any.\n\n"
     "  renkei --as abe token add --scope analyst --scope taxii --for 30d --note 'the feed reader'\n",
     "add list revoke --scope --for --note", command_token},
    {"policy", "this party's own policy, private to its node",
     "renkei policy show\nrenkei policy install FILE\n\n"
     "install signs it with the policy officer's key, which the file names, and decides everything again under it;\n"
     "what is out stays out until `renkei withdraw --no-longer`. docs/agreements.md says what can stand in it.\n\n"
     "  renkei policy install national.yaml --as suzuki\n",
     "show install", command_policy},
    {"party", "trust, list and remove partners",
     "renkei party add CARD [--yes] | list | remove ID\n\nadd shows the card's fingerprints and asks before it is "
     "trusted; --yes says that you compared them.\n\n"
     "  renkei party add US-DOD.card\n",
     "add list remove --yes", command_party},
    {"key", "rotate this node's keys",
     "renkei key rotate\n\nMakes new keys for every use and a successor card, signed by the old key. Partners accept "
     "it at the next sync.\n\n  renkei key rotate\n",
     "rotate", command_key},
    {"agreement", "write, check, sign, add and show agreements",
     "renkei agreement new --with CARD [--to FILE] [--amends HASH]\n"
     "renkei agreement check FILE\n"
     "renkei agreement lint FILE [--before FILE]\n"
     "renkei agreement explain FILE [--lang en|ja|ko]\n"
     "renkei agreement diff FILE [--before HASH]\n"
     "renkei agreement sign FILE [--to FILE.sig]\n"
     "renkei agreement add FILE SIGNATURE...\n"
     "renkei agreement list\n"
     "renkei agreement show HASH [--text]\n"
     "renkei agreement consent list | wanted [--to PARTY] | give ID --holder PARTY --to PARTY [--file FILE]\n"
     "                         | add FILE | remove ID --to PARTY\n"
     "renkei agreement terminate HASH [--on TIME] [--file FILE] | --add FILE\n\n"
     "new writes a commented template (--amends: of an amendment to a version held here); check gives line and column\n"
     "of a mistake; lint names rules that can never match, contradictions, and what is wider than the version before;\n"
     "explain says the file in plain words; diff says what would newly be released and what no longer, and releases\n"
     "nothing; sign writes FILE.PARTY.sig; add needs the signature of every party; show --text prints the signed\n"
     "bytes alone. consent is for what an onward clause lets pass on only with its originator's consent: the holder "
     "sees\n"
     "what is wanted, the originator gives a signed file, the holder adds it. terminate signs the notice that this "
     "party\n"
     "leaves; the others add it.\n\n"
     "  renkei agreement new --with US-DOD.card --to arrangement.yaml\n"
     "  renkei agreement sign arrangement.yaml\n"
     "  renkei agreement add arrangement.yaml arrangement.yaml.*.sig\n",
     "new check lint explain diff sign add list show consent terminate give wanted remove --with --to --amends "
     "--before "
     "--lang --text --holder --file --on --add",
     command_agreement},
    {"import", "take in STIX, MISP events and indicator lists",
     "renkei import FILE... [--stix|--list|--misp] [--tlp LEVEL] [--label TEXT]... [--confidence N]\n"
     "                      [--valid-from TIME] [--valid-for SPAN] [--keep-going] [--warnings]\n\n"
     "Bundles, envelopes, NDJSON, MISP events and lists (text, CSV, maltrail), plain, .gz, .zst, .bz2 or .xz; \"-\" is "
     "standard\n"
     "input. All of a file or, with a report of every rejected object, nothing; --keep-going takes the rest. On\n"
     "foreign objects --tlp, --label and --confidence are local handling, kept beside the object. What agreements "
     "permit\n"
     "is released at once.\n\n"
     "  renkei import apt_turla.txt --tlp green --valid-for 90d\n"
     "  renkei import event.json /srv/misp-feed\n",
     "--stix --list --misp --tlp --label --confidence --valid-from --valid-for --keep-going --warnings",
     command_import},
    {"search", "find objects",
     "renkei search [WORD...] [--type T] [--label L] [--tlp LEVEL] [--source PARTY|own] [--limit N]\n\nNames, "
     "descriptions and pattern values, newest first. Exits 1 if nothing is found.\n\n"
     "  renkei search --type indicator evil.example\n",
     "--type --label --tlp --source --limit", command_search},
    {"show", "show an object",
     "renkei show ID [--history]\n\nThe version that counts, or all with --history.\n\n  renkei show indicator--…\n",
     "--history", command_show},
    {"why", "explain what goes to a party and what does not",
     "renkei why ID --to PARTY [--at TIME]\nrenkei why ID --from PARTY\n\n"
     "Which clause decided, and what would have to change; --at: as it was then. --from: by which records, agreement "
     "and\n"
     "clause a partner gave it; what else the partner decided is not to be seen.\n\n"
     "  renkei why indicator--… --to US-DOD\n",
     "--to --at --from", command_why},
    {"release", "decide what has not been decided; the officers' queue",
     "renkei release\nrenkei release queue\nrenkei release approve ID... [--to PARTY] [--reason TEXT]\n"
     "renkei release refuse ID... [--to PARTY] --reason TEXT\n\n"
     "Alone it decides what has not been decided; import and serve do so by themselves. queue lists what national\n"
     "policy refers to releasing officers (exit 1: nothing); approve and refuse are an officer's signed word on it.\n"
     "When as many as the policy asks for approved, and none refused, it goes out at once.\n\n"
     "  renkei release queue\n  renkei --as tanaka release approve indicator--… --reason 'agreed with the source'\n",
     "queue approve refuse --to --reason", command_release},
    {"withdraw", "take a release back",
     "renkei withdraw ID --from PARTY\n"
     "renkei withdraw --no-longer [--from PARTY] [--dry-run]\n\n"
     "The object, and what names it, is served no more; the ledger says so. --no-longer takes back what is out and "
     "the\n"
     "terms would not release any more, or only redacted, since an amendment or a national policy narrowed them;\n"
     "--dry-run only lists it.\n\n"
     "  renkei withdraw indicator--… --from US-DOD\n"
     "  renkei withdraw --no-longer --dry-run\n",
     "--from --no-longer --dry-run", command_withdraw},
    {"erase", "destroy objects for a legal reason, here and at partners",
     "renkei erase ID... --reason TEXT\nrenkei erase list\nrenkei erase requests\n"
     "renkei erase accept ID... [--from PARTY] [--reason TEXT]\n"
     "renkei erase refuse ID... [--from PARTY] --reason TEXT\nrenkei erase lift ID\nrenkei erase scrub\n\n"
     "The bytes of every version, and the salts of what was released of it, are destroyed: in the store and its\n"
     "journal, the search index and the index of indicators. The id, the ledgers' records and the reason stay, and\n"
     "ledgers still verify. It does not come in again until `lift`. Partners that have it are asked, in their "
     "ledgers,\n"
     "to do the same; list shows what they answered. requests shows what partners ask: accept erases what came from\n"
     "them, refuse tells them why not. Takes as long as copying the store, and as much free disk; scrub goes on where\n"
     "that was interrupted. Backups are not reached. list and requests exit 1 when there is nothing.\n\n"
     "  renkei erase indicator--… --reason 'court order 2026-17'\n",
     "list requests accept refuse lift scrub --reason --from", command_erase},
    {"disclosed", "what a party was given, with totals",
     "renkei disclosed --to PARTY [--since TIME] [--until TIME] [--list]\n\n"
     "Totals by type, marking and clause of what was released in that time, and how much of it is served still; "
     "--list\n"
     "shows every release and withdrawal.\n\n"
     "  renkei disclosed --to US-DOD --since 2026-04-01T00:00:00Z\n",
     "--to --since --until --list", command_disclosed},
    {"ledger", "show, verify and prove what was released",
     "renkei ledger show [--to PARTY]\n"
     "renkei ledger entries --to PARTY [--first N] [--limit N]\n"
     "renkei ledger verify [--to PARTY | --from PARTY]\n"
     "renkei ledger audit | alarms\n"
     "renkei ledger prove ID|--entry N --to PARTY [--opening FILE]\n"
     "renkei ledger verify-receipt FILE [--opening FILE]\n\n"
     "verify recomputes everything from the first entry to the signed checkpoint; --from checks what a partner sent.\n"
     "audit goes through all that is kept: every ledger published and received, each object opened with its salt, "
     "order,\n"
     "derived ids, and the audit log's chain. alarms shows what partners' ledgers were caught at, with both signed "
     "heads\n"
     "(exit 1: nothing). prove prints a receipt (C2SP tlog-proof) that shows one entry and no other;\n"
     "--opening writes what proves which object it was. verify-receipt says what a receipt proves, by the cards held "
     "here.\n"
     "Exits 1 if something does not verify.\n\n"
     "  renkei ledger audit\n  renkei ledger prove indicator--… --to US-DOD > receipt.txt\n",
     "show entries verify audit alarms prove verify-receipt --to --from --first --limit --entry --opening",
     command_ledger},
    {"serve", "serve partners",
     "renkei serve [--sync-every SPAN] [--port-file FILE]\n\n"
     "TAXII 2.1 over mutual TLS for the partners, and a socket for the commands beside it. Stops on SIGINT and\n"
     "SIGTERM. --sync-every pulls from all partners at once and then every SPAN.\n\n"
     "  renkei serve --sync-every 5m\n",
     "--sync-every --port-file", command_serve},
    {"sync", "pull from a partner, or from any TAXII 2.1 server",
     "renkei sync [PARTY|SOURCE] [--follow] [--interval SPAN]\n\n"
     "Without a name: all partners. From a Renkei, records, bodies and tree are verified before anything is stored, "
     "and\n"
     "the checkpoint is cosigned.\n\n"
     "  renkei sync JP-MOD\n",
     "--follow --interval", command_sync},
    {"match", "match telemetry against the indicators",
     "renkei match FILE...|FOLDER|- [--member NAME] [--time event|now|any] [--subdomains] [--ordered]\n"
     "             [--scope member|sensor|host] [--window SPAN] [--late SPAN]\n"
     "             [--format table|ecs|eve|stix] [--no-group] [--group-window SPAN] [--warned]\n"
     "             [--mapping FILE] [--timezone +HH:MM] [--follow] [--threads N] [--no-sightings]\n"
     "             [--summary FILE]\n\n"
     "Zeek (NDJSON, TSV), Suricata EVE, any NDJSON, plain text; plain, .gz, .zst, .bz2, .xz. --mapping: a log of your\n"
     "own (see observe). --follow goes on as the files (64 at most) grow and are rotated, until interrupted. --json "
     "is\n"
     "--format ecs. The table shows alerts that say the same as one. What is outside its validity, of decayed\n"
     "confidence or on a warning list is shown apart; --warned lets the last alert. Sightings are kept by member,\n"
     "indicator and hour, and released as agreements say. Exits 0 if something matched, 1 if nothing did, 2 on\n"
     "trouble.\n\n"
     "  renkei match conn.log dns.log --member NAVY-1\n",
     "--summary --member --time --mapping --timezone --follow --subdomains --ordered --scope --window --late --format "
     "--no-group "
     "--group-window --warned "
     "--threads --no-sightings",
     command_match},
    {"warninglist", "keep lists of values that mean no harm",
     "renkei warninglist add FILE... | list | show NAME [--limit N] | remove NAME | check VALUE...\n\n"
     "Lists in MISP's JSON format (string, substring, hostname, cidr, regex). An indicator whose value is on one is\n"
     "named at import, does not alert alone, and is not exported. NAME may be a part of a list's name. check exits 1 "
     "if\n"
     "no value is on a list.\n\n"
     "  renkei warninglist add lists/*/list.json\n  renkei warninglist check 8.8.8.8\n",
     "add list show remove check --limit", command_warninglist},
    {"index", "build and show the index that match reads",
     "renkei index build [--anew] | show\n\n"
     "All indicators in one file of the node's folder. match and serve make it when it is missing or older than the\n"
     "holdings; build does so beforehand, --anew even when it is current. show says what it holds (values by kind, "
     "bytes,\n"
     "age) and which indicators it cannot evaluate, with why. Exit 1: show found none, or one older than the "
     "holdings.\n\n"
     "  renkei index build\n"
     "  renkei --json index show | jq .left_out\n",
     "build show --anew", command_index},
    {"suppress", "keep what is known from alerting",
     "renkei suppress add --indicator ID|--value V [--member M] [--until TIME] [--keep-sightings] --reason TEXT\n"
     "renkei suppress list | remove NUMBER\n\n"
     "What a rule covers does not alert and is not exported; match counts it. It is no sighting either, unless\n"
     "--keep-sightings says so. A value may be a network.\n\n"
     "  renkei suppress add --value 192.0.2.7 --member NAVY-1 --until 2027-01-01 --reason \"our own scanner\"\n",
     "add list remove --indicator --value --member --until --reason --keep-sightings", command_suppress},
    {"export", "write the indicators in force for sensors, or all for MISP or STIX 2.0",
     "renkei export --format zeek-intel|suricata-rules|suricata-dataset|rpz|list|csv|misp|stix20 [--type TYPE]...\n"
     "              [--to FILE] [--marking TLP] [--action alert|drop] [--subdomains] [--zone NAME]\n\n"
     "Without --to: standard output. TYPE is address, domain, url, hash, md5, sha1, sha256, sha512, email, request or\n"
     "file-name; --marking the strictest TLP to let out (default amber+strict). Formats that block (rpz, list,\n"
     "suricata-dataset, rules that drop) carry nothing marked PAP:AMBER or PAP:RED. misp writes whole events: reports\n"
     "with what they name, and what no report names by its creator; stix20 one bundle of STIX 2.0. What is left out,\n"
     "or cannot be said in a format, is counted on stderr. Exits 1 if nothing is written.\n\n"
     "  renkei export --format rpz --to /etc/bind/rpz.renkei.zone\n"
     "  renkei export --format misp --marking red --to events.json\n",
     "--format --type --to --marking --action --subdomains --zone", command_export},
    {"observe", "turn telemetry into STIX observed-data",
     "renkei observe FILE...|FOLDER|- [--mapping FILE] [--format NAME] [--member NAME|IDENTITY] [--timezone +HH:MM]\n"
     "                                [--bundle]\n\n"
     "Each line as observed-data and its cyber-observables, one object a line, or with --bundle one bundle; formats "
     "and\n"
     "files as for match. --mapping names a YAML file that says what the fields of a CSV or JSON log are. Times "
     "without\n"
     "a zone are UTC, or as --timezone says. Exits 1 if there is nothing to observe.\n\n"
     "  renkei observe conn.log dns.log --member NAVY-1 > observed.ndjson\n"
     "  renkei observe proxy.csv --mapping proxy.yaml --bundle\n",
     "--mapping --format --member --timezone --bundle", command_observe},
    {"pattern", "check, explain and try STIX patterns",
     "renkei pattern check PATTERN|-\n"
     "renkei pattern explain PATTERN|-\n"
     "renkei pattern test PATTERN|- FILE... [--steps N] [--mapping FILE] [--format NAME] [--timezone +HH:MM]\n\n"
     "check says \"ok\", or exits 2 with the column and what was expected. explain shows the parts of a pattern, what\n"
     "match looks for before it evaluates it, and what it keeps of a stream. test tries it on STIX objects (a bundle,\n"
     "an array, one a line) or telemetry, exactly as written: \"match\" with the numbers, from 0, of the observations\n"
     "that match first (exit 0), or \"no match\" (1). \"-\" reads patterns from standard input, one a line, and "
     "answers\n"
     "each in a line. Needs no node.\n\n"
     "  renkei pattern check \"[domain-name:value = 'evil.example']\"\n"
     "  renkei pattern test \"([file:name = 'a.exe'] FOLLOWEDBY [url:value LIKE '%/gate.php']) WITHIN 60 SECONDS\" "
     "http.log\n",
     "check explain test --steps --mapping --format --timezone", command_pattern},
    {"collection", "TAXII collections besides the feeds",
     "renkei collection list | show NAME | delete NAME\n"
     "renkei collection create NAME [--title TEXT] [--description TEXT] [--root NAME] [--media-type TYPE]...\n"
     "                              [--quarantine]\n"
     "renkei collection grant NAME --to WHO [--read] [--write]\nrenkei collection revoke NAME --from WHO\n\n"
     "For this party's own tools, and inboxes for partners without Renkei. WHO is account:NAME, party:ID or "
     "member:ID;\n"
     "accounts are made with `account add NAME --for own|party:ID|member:ID`. Partners and members may write only:\n"
     "what they get, they get by a decision, from their feed. NAME is the alias in URLs, ROOT/NAME where several API\n"
     "roots have one. What is written becomes holdings of whoever wrote it; --quarantine: once it is accepted.\n\n"
     "  renkei collection create sandbox --title \"Verdicts of the sandbox\"\n"
     "  renkei collection grant sandbox --to account:sandbox --read --write\n",
     "create list show grant revoke delete --title --description --root --media-type --quarantine --to --from --read "
     "--write",
     command_collection},
    {"quarantine", "accept or refuse what came into an inbox",
     "renkei quarantine list [--from WHO]\nrenkei quarantine accept|refuse ID... [--from WHO]\n\n"
     "What national policy or a collection keeps back until somebody has looked: it is held and counts for nothing.\n"
     "WHO is who sent it, as list names it; alone it means everything of his. list exits 1 if nothing waits.\n\n"
     "  renkei quarantine list\n  renkei --as tanaka quarantine accept indicator--…\n",
     "list accept refuse --from", command_quarantine},
    {"audit", "list and verify what was done on this node",
     "renkei audit list [--after NUMBER] | verify [--head NUMBER:HASH]\n\n"
     "Who did what, when, and how it ended. verify recomputes the chain of entries and checks the head that the node\n"
     "signed; keep the head it prints elsewhere, and give it later: it shows a store put back to an older state.\n\n"
     "  renkei audit list --json > audit.ndjson\n  renkei audit verify\n",
     "list verify --after --head", command_audit},
    {"backup", "copy the whole node while it serves",
     "renkei backup FOLDER [--without-keys]\n\n"
     "Makes FOLDER, with the configuration, the keys and the store as of one moment. Beside a running serve, too. "
     "With\n"
     "--without-keys the keys are left out, to be kept apart.\n\n"
     "  renkei backup /backup/$(date +%F)\n",
     "--without-keys", command_backup},
    {"restore", "make a node from a backup, without forking its ledgers",
     "renkei restore FOLDER [--keys FOLDER]\nrenkei restore status | close ORIGIN\n\n"
     "A backup is older than what partners have seen. So every ledger is on hold at first: nothing is added to it "
     "until\n"
     "`renkei sync` (or serve) has asked its recipient for what is missing. status lists the ledgers on hold. close "
     "ends\n"
     "one whose missing entries nobody has: what is to be released then needs a new agreement.\n\n"
     "  renkei restore /backup/2026-11-23 && renkei sync && renkei restore status\n",
     "status close --keys", command_restore},
    {"store", "move the store into PostgreSQL, or into a file",
     "renkei store copy --to URL|file\n\n"
     "For a stopped node: copies everything into a PostgreSQL database (postgresql://…?schema=NAME), or from one into\n"
     "the file in the node's folder, goes through the whole record of the copy as `renkei ledger audit` does, and has\n"
     "renkei.yaml name it. The old store is put aside, out of everybody's reach. What fails leaves the node as it "
     "was.\n\n"
     "  renkei store copy --to 'postgresql:///cti?host=/run/postgresql'\n  renkei store copy --to file\n",
     "copy --to", command_store},
    {"doctor", "look the node over, and say what to do",
     "renkei doctor [--partners]\n\n"
     "Folder and permissions, configuration, keys, cards, clock, disk, limits, ledgers and the server; with --partners "
     "it\n"
     "calls them, too. Changes nothing. Exits 0 when all is well, 1 with warnings, 2 with errors.\n\n"
     "  renkei doctor --partners\n",
     "--partners", command_doctor},
    {"status", "what the node holds", "renkei status\n\n  renkei status\n", "", command_status},
    {"completion", "print shell completion", "renkei completion bash\n\n  source <(renkei completion bash)\n", "bash",
     command_completion},
};
const size_t command_count = sizeof commands / sizeof *commands;

const struct command *cli_command(struct span name) {
    for (size_t i = 0; i < command_count; i++)
        if (span_is(name, commands[i].name)) return &commands[i];
    return NULL;
}
