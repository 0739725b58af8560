#!/bin/sh
# Matching: renkei's scanner against wc (the memory's speed) and rg -F (what people use), on generated telemetry.
#   bench/match.sh [MEGABYTES [INDICATORS]]     default 512 MB, 974,000 indicators
# The programs are taken from $RENKEI_BUILD (default ./build).
set -eu
megabytes=${1:-512} count=${2:-974000} seed=1
build=${RENKEI_BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$build/bench/match_generate" indicators "$count" "$seed" >"$work/indicators.tsv"
"$build/bench/match_generate" telemetry $((megabytes * 1000000)) "$count" "$seed" 0.001 >"$work/telemetry.ndjson"
cat "$work/telemetry.ndjson" >/dev/null # into the page cache
"$build/bench/match" "$work/indicators.tsv" "$work/telemetry.ndjson" 1 2

# seconds COMMAND…: how long it takes
seconds() {
    start=$(date +%s%N)
    "$@" >/dev/null
    end=$(date +%s%N)
    echo "$start $end" | awk '{printf "%.3f", ($2 - $1) / 1e9}'
}
t=$(seconds wc -l "$work/telemetry.ndjson")
echo "wc -l    $t s"
if [ -n "${RENKEI_BENCH_GREP:-}" ] && command -v rg >/dev/null; then
    cut -f3 "$work/indicators.tsv" >"$work/literals"
    head -c 64000000 "$work/telemetry.ndjson" >"$work/part"
    t=$(seconds rg -F -f "$work/literals" "$work/part" || true)
    echo "rg -F -f $t s for the first 64 MB"
fi
