#!/bin/sh
# Not a speed, but what the decisions are worth: random worlds (agreements, national policy, markings, local handling,
# objects of one's own and of others) decided by the engine, and by an oracle written from docs/agreements.md alone.
#   bench/policy-oracle.sh [DECISIONS [SEED]]     default 1,000,000; the time of day
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${RENKEI_BUILD:-$here/../build}
RENKEI_POLICY_ANSWER=$build/tests/oracle_policy/policy_answer
export RENKEI_POLICY_ANSWER
if [ ! -x "$RENKEI_POLICY_ANSWER" ]; then
    echo "policy-oracle.sh: no $RENKEI_POLICY_ANSWER; ./run test builds it" >&2
    exit 2
fi
python3 "$here/../tests/oracle_policy/policy_test.py" --cases "${1:-1000000}" --seed "${2:-$(date +%s)}"
