#!/usr/bin/env bash
# Pages of a feed over TLS, keep-alive, beside nginx with the same bytes as a file and medallion under gunicorn, one after
# the other in one run, with the same client (bench/pages.c).
#
#   ./run bench taxii [OBJECTS [MORE [SECONDS]]]      default 10000 200000 5: sizes of the feed, and how long each runs
#
# nginx (apt-get install nginx-light) and gunicorn (build/python/bin/pip install gunicorn) are measured where they are.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
SMALL=${1:-10000} LARGE=${2:-200000} SECONDS_EACH=${3:-5}
RENKEI=$PWD/build/renkei
PROGRAMS=$PWD/build/bench
PYTHON=${RENKEI_BENCH_PYTHON:-$PWD/build/python/bin/python}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/renkei-bench.XXXXXX")
RUNNING=()
stop() {
    local pid
    for pid in "${RUNNING[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    RUNNING=()
}
trap 'stop; rm -rf "$WORK"' EXIT

# Processor time of the newest server and what it started, in ticks of 10 ms: other work on the machine does not alter it.
ticks() {
    local pid sum=0
    for pid in "$1" $(pgrep -P "$1"); do sum=$((sum + $(awk '{ print $14 + $15 }' "/proc/$pid/stat"))); done
    echo "$sum"
}

# pages NAME PID PORT TARGET [CONNECTIONS [RATE]]: measures, prints, leaves the most pages/s of any round in RATE_OF[NAME]
declare -A RATE_OF
pages() {
    local line name=$1 server=$2 before used rate count
    shift
    before=$(ticks "$server")
    line=$("$PROGRAMS/pages" 127.0.0.1 "$2" "$3" "$WORK/us/keys/1/tls.crt" "$WORK/us/keys/1/tls.key" "${4:-64}" "$SECONDS_EACH" same ${5:+"$5"}) || true
    rate=${line%% *}
    count=$(sed 's/.*GB\/s, \([0-9]*\) pages.*/\1/' <<<"$line")
    used=$((($(ticks "$server") - before) * 10000 / (count > 0 ? count : 1)))
    [ "$rate" -le "${RATE_OF[$name]:-0}" ] || RATE_OF[$name]=$rate
    printf '%-28s %s; %s us of the server a page\n' "$name" "$line" "$used"
}
ratio() { awk -v a="${RATE_OF[$1]:-0}" -v b="${RATE_OF[$2]:-0}" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }

# node OBJECTS: a node with a feed of that size, served on $PORT
node() {
    stop
    rm -rf "$WORK/jp" "$WORK/us"
    PORT=$((20000 + RANDOM % 20000))
    {
        "$RENKEI" --home "$WORK/jp" init --party JP-MOD --name "Ministry of Defense, Japan" --url "https://127.0.0.1:$PORT"
        "$RENKEI" --home "$WORK/us" init --party US-DOD --name "Department of Defense, United States" --url https://127.0.0.1:1
        for each in jp us; do "$RENKEI" --home "$WORK/$each" card >"$WORK/$each.card"; done
        "$RENKEI" --home "$WORK/jp" party add --yes "$WORK/us.card"
        "$RENKEI" --home "$WORK/us" party add --yes "$WORK/jp.card"
        rm -f "$WORK"/a.yaml*
        (cd "$WORK" && "$RENKEI" --home "$WORK/jp" agreement new --with us.card --to a.yaml &&
            for each in jp us; do "$RENKEI" --home "$WORK/$each" agreement sign a.yaml; done)
        "$RENKEI" --home "$WORK/jp" agreement add "$WORK"/a.yaml "$WORK"/a.yaml.*.sig
        "$PROGRAMS/bundle" "$1" >"$WORK/bundle.json"
        "$RENKEI" --home "$WORK/jp" import "$WORK/bundle.json"
        echo "limits: {requests_per_second: 1000000}" >>"$WORK/jp/renkei.yaml"
    } >"$WORK/made" 2>&1 || { cat "$WORK/made" >&2; exit 1; }
    rm -f "$WORK/port"
    "$RENKEI" --home "$WORK/jp" serve --port-file "$WORK/port" >"$WORK/serve.log" 2>&1 &
    RUNNING+=($!)
    for _ in $(seq 100); do [ -s "$WORK/port" ] && break; sleep 0.1; done
    FEED=/api/live/collections/feed/objects/
}

fetch() { # TARGET: one page into $WORK/page.json
    curl -sk --cert "$WORK/us/keys/1/tls.crt" --key "$WORK/us/keys/1/tls.key" -H "Accept: application/taxii+json;version=2.1" \
        "https://127.0.0.1:$PORT$1" >"$WORK/page.json"
}

start_nginx() {
    command -v nginx >/dev/null || return 1
    NGINX_PORT=$((PORT + 1))
    mkdir -p "$WORK/nginx"
    chmod 755 "$WORK" "$WORK/nginx"
    cp "$WORK/page.json" "$WORK/nginx/"
    cat >"$WORK/nginx.conf" <<END
daemon off; worker_processes auto; pid $WORK/nginx.pid; error_log $WORK/nginx.log;
events { worker_connections 1024; }
http {
    access_log off; sendfile on; keepalive_requests 100000000; default_type application/json;
    server {
        listen 127.0.0.1:$NGINX_PORT ssl; root $WORK/nginx;
        ssl_certificate $WORK/jp/keys/1/tls.crt; ssl_certificate_key $WORK/jp/keys/1/tls.key; ssl_protocols TLSv1.3;
    }
}
END
    nginx -c "$WORK/nginx.conf" 2>"$WORK/nginx.said" &
    RUNNING+=($!)
    sleep 1
}

start_medallion() {
    "$PYTHON" -c 'import medallion, gunicorn' 2>/dev/null || return 1
    MEDALLION_PORT=$((PORT + 2))
    cat >"$WORK/medallion_app.py" <<'END'
import json, os
from medallion import application_instance, register_blueprints, set_config
work, size = os.environ["WORK"], 100
objects = (json.load(open(work + "/page.json"))["objects"] * 10)[:size]
for n, o in enumerate(objects):
    o["id"] = o["id"][:-12] + f"{n:012d}"
manifest = [{"id": o["id"], "date_added": f"2024-01-01T00:{n // 60:02d}:{n % 60:02d}.000000Z", "media_type": "application/stix+json;version=2.1",
             "version": o.get("modified", "2024-01-01T00:00:00.000Z")} for n, o in enumerate(objects)]
one = {"id": "91a7b528-80eb-42ed-a74d-c6fbd5a26116", "title": "t", "can_read": True, "can_write": False,
       "media_types": ["application/stix+json;version=2.1"], "objects": objects, "manifest": manifest}
info = {"title": "r", "versions": ["application/taxii+json;version=2.1"], "max_content_length": 1000000}
json.dump({"/discovery": {"title": "m", "default": "http://x/root/", "api_roots": ["http://x/root/"]},
           "root": {"information": info, "status": [], "collections": [one]}}, open(f"{work}/m{os.getpid()}.json", "w"))
c = {"backend": {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend", "filename": f"{work}/m{os.getpid()}.json"},
     "users": {}, "taxii": {"max_page_size": 100}}
for section in ("users", "taxii", "backend"):
    set_config(application_instance, section, c)
register_blueprints(application_instance)
import flask_httpauth
flask_httpauth.HTTPBasicAuth.authenticate = lambda self, auth, stored: True  # to measure pages, not passwords
END
    (cd "$WORK" && export WORK && exec "$PYTHON" -m gunicorn -w 2 --threads 4 --keep-alive 60 -b "127.0.0.1:$MEDALLION_PORT" --certfile "$WORK/jp/keys/1/tls.crt" \
        --keyfile "$WORK/jp/keys/1/tls.key" --log-level error medallion_app:application_instance) >"$WORK/medallion.log" 2>&1 &
    RUNNING+=($!)
    sleep 4
}

node "$SMALL"
fetch "$FEED?limit=100"
echo "$SMALL objects; a page of 100 has $(stat -c %s "$WORK/page.json") bytes; $(nproc) processors, the client's work among theirs"
NODE=${RUNNING[0]} NGINX=
if start_nginx; then NGINX=${RUNNING[1]}; else echo "nginx is not here"; fi
for _ in 1 2 3; do # in turn, for what else goes on comes and goes
    [ -z "$NGINX" ] || pages nginx "$NGINX" "$NGINX_PORT" /page.json
    pages renkei "$NODE" "$PORT" "$FEED?limit=100"
    pages "renkei match[type]" "$NODE" "$PORT" "$FEED?limit=100&match%5Btype%5D=indicator"
    pages "renkei added_after" "$NODE" "$PORT" "$FEED?limit=100&added_after=2020-01-01T00:00:00Z"
done
[ -z "${RATE_OF[nginx]:-}" ] || echo "renkei to nginx: $(ratio renkei nginx) (floor 0.60)"
echo "filtered to plain: type $(ratio "renkei match[type]" renkei), added_after $(ratio "renkei added_after" renkei) (floor 0.50)"
calm=$((RATE_OF[renkei] * 2 / 5))
[ -z "${RATE_OF[nginx]:-}" ] || pages "nginx at $calm/s" "$NGINX" "$NGINX_PORT" /page.json 64 "$calm"
pages "renkei at $calm/s" "$NODE" "$PORT" "$FEED?limit=100" 64 "$calm"

walk() { # every page once, so that each is made
    "$PROGRAMS/pages" 127.0.0.1 "$PORT" "$FEED" "$WORK/us/keys/1/tls.crt" "$WORK/us/keys/1/tls.key" 1 600 once
}
echo "pages one after the other, each made: $SMALL objects: $(walk)"
if start_medallion; then
    pages "medallion, 100 objects" "${RUNNING[-1]}" "$MEDALLION_PORT" "/root/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/objects/?limit=100" 4
    echo "renkei to medallion: $(ratio renkei "medallion, 100 objects")"
else
    echo "medallion or gunicorn is not here"
fi
node "$LARGE"
for _ in 1 2 3; do pages "renkei, $LARGE objects" "${RUNNING[0]}" "$PORT" "$FEED?limit=100"; done
echo "pages one after the other, each made: $LARGE objects: $(walk)"
echo "$LARGE to $SMALL objects: $(ratio renkei "renkei, $LARGE objects") times the cost (ceiling 1.2)"
