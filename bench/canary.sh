#!/bin/sh
# Not a speed either: random histories between two nodes, and whether the partner finds a word that it was not to have.
#   bench/canary.sh [HISTORIES [SEED [STEPS]]]     default 50, the time of day, 30
set -eu
build=${RENKEI_BUILD:-build}
here=$(dirname "$0")
python=$build/python/bin/python3
[ -x "$python" ] || python=python3
RENKEI_PROGRAM=$(readlink -f "$build/renkei")
export RENKEI_PROGRAM
exec "$python" "$here/../tests/scenario/canary_histories_test.py" --histories "${1:-50}" --seed "${2:-$(date +%s)}" --steps "${3:-30}"
