#!/bin/sh
# Policy: decisions a second on one core under three agreements and a national policy, over generated indicators and,
# where $RENKEI_SHARED_DATA has it, MITRE's ATT&CK for ICS.
#   bench/policy.sh [OBJECTS]     default 200,000
# The programs are taken from $RENKEI_BUILD (default ./build).
set -eu
count=${1:-200000}
build=${RENKEI_BUILD:-build}
work=$(mktemp -d "${TMPDIR:-/tmp}/renkei-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$build/bench/bundle" "$count" >"$work/bundle.json"
echo "indicators"
"$build/bench/policy" "$work/bundle.json"
attack=${RENKEI_SHARED_DATA:-../shared/data}/stix/ics-attack-18.1.json.zst
if [ -r "$attack" ]; then
    zstd -dcq "$attack" >"$work/attack.json"
    echo "ATT&CK for ICS"
    "$build/bench/policy" "$work/attack.json"
else
    echo "ATT&CK: skipped, $attack is not here" >&2
fi
