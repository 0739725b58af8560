#!/bin/sh
# The exactness that the speed is worth nothing without: random patterns on random observations, the evaluator beside an
# independent oracle (tests/oracle), and beside OASIS's matcher; and match on random telemetry of every format beside the
# oracle on what observe makes of it. The test suite runs a few thousand pairs; this as many as wanted, with other seeds.
#   bench/oracle.sh [PAIRS [SEED]]     default 100,000 of each; the time of day
# The programs are taken from $RENKEI_BUILD (default ./build), Python's packages from $RENKEI_BUILD/python.
set -eu
pairs=${1:-100000} seed=${2:-$(date +%s)}
build=${RENKEI_BUILD:-build}
here=$(dirname "$0")
python=$build/python/bin/python3
[ -x "$python" ] || python=python3
export RENKEI_PROGRAM="$build/renkei"
"$python" "$here/../tests/oracle/match_test.py" --pairs "$pairs" --seed "$seed"
answer=$build/tests/oracle/pattern_answer
[ -x "$answer" ] || {
    echo "oracle.sh: no $answer; ./run test builds it" >&2
    exit 2
}
"$python" "$here/../tests/oracle/oracle_test.py" --pairs "$pairs" --seed "$seed" --answer "$answer"
