#!/usr/bin/env bash
# The whole way of a release: import with its decision and ledger entry, pages over mutual TLS, pull and verify by the partner.
#
#   ./run bench share [OBJECTS]      default 200000
#
# Limits measured in the same run: how fast the disk takes the same bytes (dd, synced), and how fast SQLite alone takes the rows the import left, with
# the same indexes and durability.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
OBJECTS=${1:-200000}
RENKEI=$PWD/build/renkei
PROGRAMS=$PWD/build/bench
WORK=$(mktemp -d "${TMPDIR:-/tmp}/renkei-bench.XXXXXX")
PORT=$((20000 + RANDOM % 20000))
SERVER=
trap '[ -z "$SERVER" ] || kill "$SERVER" 2>/dev/null; rm -rf "$WORK"' EXIT
jp() { "$RENKEI" --home "$WORK/jp" "$@"; }
us() { "$RENKEI" --home "$WORK/us" "$@"; }
seconds() { # command… : runs it, leaves its wall clock in TOOK
    local from
    from=$(date +%s%N)
    "$@" >"$WORK/out" 2>&1 || { cat "$WORK/out" >&2; exit 1; }
    TOOK=$(($(date +%s%N) - from))
}
rate() { awk -v n="$1" -v ns="$TOOK" 'BEGIN { printf "%.0f", n / (ns / 1e9) }'; }

{
    jp init --party JP-MOD --name "Ministry of Defense, Japan" --url "https://127.0.0.1:$PORT"
    us init --party US-DOD --name "Department of Defense, United States" --url https://127.0.0.1:1
    jp card >"$WORK/jp.card" && us card >"$WORK/us.card"
    jp party add --yes "$WORK/us.card" && us party add --yes "$WORK/jp.card"
    (cd "$WORK" && jp agreement new --with us.card --to a.yaml && jp agreement sign a.yaml && us agreement sign a.yaml)
    jp agreement add "$WORK"/a.yaml "$WORK"/a.yaml.*.sig && us agreement add "$WORK"/a.yaml "$WORK"/a.yaml.*.sig
} >/dev/null 2>&1
"$PROGRAMS/bundle" "$OBJECTS" >"$WORK/bundle.json"
BYTES=$(stat -c %s "$WORK/bundle.json")
echo "input: $OBJECTS STIX objects, $((BYTES / 1000000)) MB: malware, indicators, relationships, TLP:GREEN"

seconds dd if="$WORK/bundle.json" of="$WORK/copy" bs=4M conv=fsync
echo "limit: the disk takes these bytes, synced, at $(rate $((BYTES / 1000000))) MB/s"
seconds jp import "$WORK/bundle.json"
echo "import, decided, released, on disk: $(rate "$OBJECTS") objects/s"
IMPORTED=$TOOK
seconds "$PROGRAMS/bare" "$WORK/jp/realms/live/store.db" "$WORK/bare.db"
BARE=$(cat "$WORK/out")
awk -v n="$OBJECTS" -v ns="$IMPORTED" -v bare="$BARE" 'BEGIN { split(bare, w, " ");
    printf "limit: SQLite alone takes the same %d rows at %.0f objects/s; the import has %.2f of that\n", w[1], n / w[5], w[5] / (ns / 1e9) }'
rm -f "$WORK"/bare.db*
seconds jp ledger verify
echo "verified from the first entry to the checkpoint: $(rate "$OBJECTS") entries/s"

jp serve --port-file "$WORK/port" >"$WORK/serve.log" 2>&1 &
SERVER=$!
for _ in $(seq 100); do [ -s "$WORK/port" ] && break; sleep 0.1; done
COLLECTION=$(jp --json ledger show | sed 's/.*"collection":"\([^"]*\)".*/\1/')
"$PROGRAMS/pages" 127.0.0.1 "$PORT" "/api/live/collections/$COLLECTION/objects/" "$WORK/us/keys/1/tls.crt" "$WORK/us/keys/1/tls.key" 4 2 >/dev/null
echo "pages of 100 objects over mutual TLS: $("$PROGRAMS/pages" 127.0.0.1 "$PORT" "/api/live/collections/$COLLECTION/objects/" "$WORK/us/keys/1/tls.crt" "$WORK/us/keys/1/tls.key" 4 5)"

seconds us sync JP-MOD
echo "pulled, verified, on the partner's disk: $(rate "$OBJECTS") objects/s"
