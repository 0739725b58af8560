#!/bin/sh
# Matching: renkei's scanner on generated Zeek logs, beside wc -l (the limit), rg and grep with the same list, and
# OASIS's matcher; each with the lines it told falsely and those it missed.
#   bench/match.sh [MEGABYTES [INDICATORS]]     default 4000 MB, 1,000,000 indicators (and ten times as many)
# The programs are taken from $RENKEI_BUILD (default ./build). RENKEI_BENCH_PART: MB for what is slow (64);
# RENKEI_BENCH_RUNS: how often each is measured (3), of which the median is printed.
set -eu
megabytes=${1:-4000} count=${2:-1000000} seed=1
part_mb=${RENKEI_BENCH_PART:-64} runs=${RENKEI_BENCH_RUNS:-3}
build=${RENKEI_BUILD:-build}
here=$(dirname "$0")
generate=$build/bench/match_generate match=$build/bench/match

# The page cache is what is measured: files on disk that were just written, where memory holds them and as much again;
# in memory's own file system, which is read slower (small pages), only when the disk has no room.
need=$((megabytes + count * 15 / 10000 + 1000)) # with ten times the indicators' texts beside
cache=$(awk '/^MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
[ "${cache:-0}" -ge $((need + 2000)) ] || echo "match.sh: $cache MB of memory are too few to keep $need MB cached" >&2
for place in "${TMPDIR:-/tmp}" /dev/shm; do
    free=$(df -Pm "$place" 2>/dev/null | awk 'NR == 2 {print $4}')
    [ "${free:-0}" -ge "$need" ] && break
    place=
done
[ -n "$place" ] || {
    echo "match.sh: needs $need MB free in TMPDIR or /dev/shm; give a smaller size" >&2
    exit 2
}
work=$(mktemp -d "$place/renkei-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT

# seconds COMMAND…: the median of $runs
seconds() {
    for _ in $(seq "$runs"); do
        start=$(date +%s%N)
        "$@" >/dev/null 2>&1 || true
        end=$(date +%s%N)
        echo "$start $end" | awk '{printf "%.3f\n", ($2 - $1) / 1e9}'
    done | sort -n | awk '{t[NR] = $1} END {print t[int((NR + 1) / 2)]}'
}
rate() { awk -v mb="$1" -v s="$2" 'BEGIN {printf "%8.3f s %8.3f GB/s", s, mb / 1000 / s}'; }

echo "$megabytes MB of Zeek logs (conn, dns, http, files), $count indicators, in $place"
"$generate" indicators "$count" "$seed" >"$work/indicators"

for hits in 0 0.001 0.05; do
    "$generate" telemetry $((megabytes * 1000000)) "$count" "$seed" "$hits" >"$work/telemetry" 2>"$work/said"
    sync "$work/telemetry" # nothing is written back while it is measured
    echo
    echo "-- hit rate $hits: $(cat "$work/said")"
    [ "$hits" != 0 ] || {
        limit=$(seconds wc -l "$work/telemetry")
        echo "wc -l          $(rate "$megabytes" "$limit")"
    }
    "$match" --runs "$runs" "$work/indicators" "$work/telemetry" 1 2
    if [ "$hits" = 0.001 ]; then
        head -c $((part_mb * 1000000)) "$work/telemetry" | sed '$d' >"$work/part"
        "$generate" indicators $((count * 10)) "$seed" >"$work/more"
        echo
        echo "-- ten times the indicators, the same telemetry"
        "$match" --runs "$runs" "$work/more" "$work/telemetry" 1 2
        rm "$work/more"
    fi
done
rm "$work/telemetry"

echo
"$match" --networks 100000

echo
echo "-- the first $part_mb MB at hit rate 0.001: time, lines told, of them false, lines missed"
cut -f3 "$work/indicators" >"$work/literals"
python3 "$here/match_truth.py" expect "$work/indicators" "$work/part" >"$work/truth"
# told NAME SECONDS LINES: compares line numbers with the truth
told() { echo "$1 $(rate "$part_mb" "$2")  $(python3 "$here/match_truth.py" compare "$work/truth" "$3")"; }
"$match" --lines "$work/indicators" "$work/part" >"$work/lines"
t=$("$match" --runs "$runs" "$work/indicators" "$work/part" 1 | awk '/^match/ {print $3}')
told "renkei        " "$t" "$work/lines"
runs=1
for tool in rg grep; do
    command -v $tool >/dev/null || {
        echo "$tool: not installed"
        continue
    }
    t=$(seconds timeout 300 $tool -F -n -f "$work/literals" "$work/part")
    timeout 300 $tool -F -n -f "$work/literals" "$work/part" 2>/dev/null | cut -d: -f1 >"$work/lines" || true
    told "$tool -F -f     " "$t" "$work/lines"
done
python=$work/python
if python3 -m venv "$python" >/dev/null 2>&1 && "$python/bin/pip" install -q stix2-matcher >/dev/null 2>&1; then
    "$python/bin/python" "$here/match_truth.py" oasis "$work/indicators" "$work/part" 100 500
else
    echo "OASIS's matcher: stix2-matcher cannot be installed here"
fi
