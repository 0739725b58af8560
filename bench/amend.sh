#!/usr/bin/env bash
# An amendment over everything that is held: how long deciding all of it again takes, beside a server that goes on
# answering; and how long `why` takes.
#
#   ./run bench amend [OBJECTS]      generated indicators, malware and relationships; default 200000
#   ./run bench amend maltrail       the 974,000 indicators of maltrail's lists in $RENKEI_SHARED_DATA, and ATT&CK
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
OBJECTS=${1:-200000}
BUILD=${RENKEI_BUILD:-build}
RENKEI=$(readlink -f "$BUILD/renkei")
WORK=$(mktemp -d "${TMPDIR:-/tmp}/renkei-bench.XXXXXX")
SERVER=
trap '[ -z "$SERVER" ] || kill "$SERVER" 2>/dev/null; rm -rf "$WORK"' EXIT
jp() { "$RENKEI" --home "$WORK/jp" "$@"; }
us() { "$RENKEI" --home "$WORK/us" "$@"; }
now() { date +%s%N; }
since() { awk -v ns="$(($(now) - $1))" 'BEGIN { printf "%.2f", ns / 1e9 }'; }

{
    jp init --party JP-MOD --name "Ministry of Defense, Japan" --url https://127.0.0.1:0
    us init --party US-DOD --name "Department of Defense, United States" --url https://127.0.0.1:1
    jp card >"$WORK/jp.card" && us card >"$WORK/us.card"
    jp party add --yes "$WORK/us.card" && us party add --yes "$WORK/jp.card"
} >/dev/null 2>&1

key() { "$RENKEI" --home "$WORK/$1" --json card | sed 's/.*agreement_key[\\]*": *[\\]*"\([^"\\]*\).*/\1/'; }

# agree NAME RULES [PREDECESSOR]: JP gives US under these rules; signed by both, added by JP. Prints what `add` said.
agree() {
    {
        printf 'renkei: agreement/v1\ntitle: %s\n' "$1"
        [ -z "${3:-}" ] || printf 'predecessor: %s\n' "$3"
        printf 'effective: 2020-01-01\nends: 2099-01-01\nparties:\n'
        printf '  - {id: JP-MOD, name: JP, key: "%s"}\n  - {id: US-DOD, name: US, key: "%s"}\n' "$(key jp)" "$(key us)"
        printf 'release:\n  - from: JP-MOD\n    to: US-DOD\n    no_tlp: green\n    rules:\n%s\n' "$2"
    } >"$WORK/$1.yaml"
    jp agreement sign "$WORK/$1.yaml" 2>/dev/null
    us agreement sign "$WORK/$1.yaml" 2>/dev/null
    jp --json agreement add "$WORK/$1.yaml" "$WORK/$1.yaml".*.sig
}
hash_of() { sed 's/.*"hash":"\([0-9a-f]*\)".*/\1/'; }
value_of() { sed "s/.*\"$1\":\([0-9]*\).*/\1/"; }

PUBLIC='      - {clause: A-1, outcome: withhold, types: [all], labels: {any: [national-only]}}
      - {clause: A-2, outcome: release, types: [all], tlp: [clear, green]}'
MALWARE='      - {clause: B-1, outcome: withhold, types: [all], when: "age > 20y or label in (draft, test) or revoked"}
      - {clause: B-2, outcome: release, types: [malware], tlp: [clear, green, amber]}'
NOTHING='      - {clause: C-1, outcome: release, types: [all], tlp: [clear, green], sectors: {any: [energy]}}'
first=$(agree first "$PUBLIC" | hash_of)
agree second "$MALWARE" >/dev/null
agree third "$NOTHING" >/dev/null

begun=$(now)
if [ "$OBJECTS" = maltrail ]; then
    tar --zstd -xf "${RENKEI_SHARED_DATA:-../shared/data}/iocs/maltrail-malware.tar.zst" -C "$WORK"
    find "$WORK" -name '*.txt' -print0 | xargs -0 -n 2000 "$RENKEI" --home "$WORK/jp" import --list --keep-going --tlp green >"$WORK/import.out" 2>&1 || true
    jp import --tlp green "${RENKEI_SHARED_DATA:-../shared/data}"/stix/ics-attack-*.json.zst >>"$WORK/import.out" 2>&1
else
    "$BUILD/bench/bundle" "$OBJECTS" >"$WORK/bundle.json"
    jp import "$WORK/bundle.json" >"$WORK/import.out" 2>&1
fi
held=$(jp --json status | value_of newest_holding)
echo "imported and decided under three agreements: $held holdings in $(since "$begun") s"

jp serve --port-file "$WORK/port" >"$WORK/serve.log" 2>&1 &
SERVER=$!
for _ in $(seq 100); do [ -s "$WORK/port" ] && break; sleep 0.1; done
sleep 2

# The amendment says the same in other words, and withholds what has the label none of them carries: all is decided
# again, nothing goes out. Meanwhile somebody asks.
(
    for _ in $(seq 1000); do
        curl -sk --max-time 30 -o /dev/null -w '%{time_total}\n' "https://127.0.0.1:$(cat "$WORK/port")/taxii2/" \
            --cert "$WORK/us/keys/1/tls.crt" --key "$WORK/us/keys/1/tls.key" || true
        sleep 0.05
    done >"$WORK/answers"
) &
asking=$!
begun=$(now)
said=$(agree narrower "${PUBLIC/national-only/national-only, draft}" "$first")
took=$(since "$begun")
kill $asking 2>/dev/null || true
echo "amended: $held holdings decided again in $took s ($(awk -v n="$held" -v s="$took" 'BEGIN { printf "%.0f", n / s }')/s), no longer released: $(value_of no_longer <<<"$said"), newly: $(value_of released <<<"$said")"
sort -n "$WORK/answers" | awk '{ a[NR] = $1 } END { printf "the server meanwhile: %d answers, median %.3f s, longest %.3f s\n", NR, a[int((NR + 1) / 2)], a[NR] }'

id=$(jp --json ledger entries --to US-DOD --limit 1000 | sed -n 's/.*"object":"\(indicator[^"]*\)".*/\1/p' | tail -n 1)
# mean COMMAND...: of 50 runs, in milliseconds
mean() {
    local begun
    begun=$(now)
    for _ in $(seq 50); do "$@" >/dev/null; done
    awk -v s="$(since "$begun")" 'BEGIN { printf "%.1f", s * 1000 / 50 }'
}
whole=$(mean jp why "$id" --to US-DOD) start=$(mean "$RENKEI" --version)
echo "why: $whole ms, of which $start are the program's start: $(awk -v a="$whole" -v b="$start" 'BEGIN { printf "%.1f", a - b }') ms"
