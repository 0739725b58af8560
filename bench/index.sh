#!/bin/sh
# The index of all indicators, from the store's rows: how long it takes beside reading the rows alone, how large it is,
# and how fast a prebuilt one opens; and what an export of all of them costs.
#   bench/index.sh [INDICATORS]     default 1,000,000
set -eu
count=${1:-1000000} seed=1
build=${RENKEI_BUILD:-build} runs=${RENKEI_BENCH_RUNS:-3}
work=$(mktemp -d "${TMPDIR:-/tmp}/renkei-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
renkei() { "$build/renkei" --home "$work/home" "$@"; }

"$build/bench/match_generate" indicators "$count" "$seed" | awk -F '\t' -v q='"' '{
    gsub(/"/, "\\\"", $2)
    printf "{%stype%s:%sindicator%s,%sspec_version%s:%s2.1%s,%sid%s:%s%s%s,", q, q, q, q, q, q, q, q, q, q, q, $1, q
    printf "%screated%s:%s2024-01-01T00:00:00.000Z%s,%smodified%s:%s2024-01-01T00:00:00.000Z%s,", q, q, q, q, q, q, q, q
    printf "%sname%s:%s%s%s,%spattern%s:%s%s%s,%spattern_type%s:%sstix%s,", q, q, q, $3, q, q, q, q, $2, q, q, q, q, q
    printf "%svalid_from%s:%s2024-01-01T00:00:00Z%s,", q, q, q, q
    printf "%sobject_marking_refs%s:[%smarking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb%s]}\n", q, q, q, q
}' >"$work/indicators.ndjson"
renkei init --party JP-MOD --name Bench --url https://127.0.0.1:8443 >/dev/null
renkei import "$work/indicators.ndjson" >/dev/null
rm "$work/indicators.ndjson"

"$build/bench/index" "$work/home/realms/live/store.db" "$work/index" "$runs"
start=$(date +%s%N)
renkei export --format zeek-intel --to "$work/intel" 2>"$work/said"
end=$(date +%s%N)
echo "$start $end" | awk '{printf "%-12s %8.3f s\n", "export", ($2 - $1) / 1e9}'
head -n 1 "$work/said"
