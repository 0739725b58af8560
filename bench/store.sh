#!/bin/sh
# The store alone: holdings in, a ledger's entries in, pages of a feed out, look-ups.
#   bench/store.sh [HOLDINGS]     default 200,000
# The program is taken from $RENKEI_BUILD (default ./build).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${RENKEI_BUILD:-build}/bench/store" "${1:-200000}" "$work"
