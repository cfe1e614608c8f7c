#!/usr/bin/env bash
# A key's shares are refreshed under load, on real signers: no handshake fails, old shares go, signing goes on in the
# new epoch, also after all signers were restarted, and a refresh that finds a signer missing begins nothing. TAP output.
# usage: refresh_test.sh SOURCE_ROOT BUILD_DIR [BASE_PORT]
set -uo pipefail

root=$1 build=$2 base=${3:-$((20000 + RANDOM % 12000))}
here="$root/test/system"
dir=$(mktemp -d /tmp/quorate-refresh.XXXXXX)
count=0 failures=0
declare -A pids=()

pass() { count=$((count + 1)); echo "ok $count - $*"; }
flunk() { count=$((count + 1)); failures=$((failures + 1)); echo "not ok $count - $*"; }
check() { local what=$1; shift; if "$@" > "$dir/out" 2>&1; then pass "$what"; else flunk "$what"; sed 's/^/# /' "$dir/out" | tail -n 15; fi; }
refuses() { # what, status, text expected in the output, command
  local what=$1 status=$2 text=$3 got=0; shift 3
  "$@" > "$dir/out" 2>&1 || got=$?
  if [ "$got" -ne "$status" ]; then flunk "$what (status $got, not $status)"; sed 's/^/# /' "$dir/out" | tail -n 15; return; fi
  if grep -q -- "$text" "$dir/out"; then pass "$what"; else flunk "$what (no '$text')"; sed 's/^/# /' "$dir/out" | tail -n 15; fi
}
stop_signer() { # id; waits until it has ended
  kill -TERM "${pids[$1]}" 2> /dev/null
  for _ in $(seq 200); do kill -0 "${pids[$1]}" 2> /dev/null || return 0; sleep 0.05; done
  return 1
}
start_signer() {
  "$build/signerd/signerd" --config "$dir/cluster/signer-$1/signerd.json" >> "$dir/cluster/signer-$1/signerd.log" 2>&1 < /dev/null &
  pids[$1]=$!
}
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null; done
  kill "${NGINX_PID:-}" 2> /dev/null
  echo "1..$count"
  [ "$failures" -eq 0 ] && rm -rf "$dir"
}
trap finish EXIT

if ! "$root/tools/quickstart" --keep --dir "$dir/cluster" --build "$build" --base-port "$base" > "$dir/quickstart.log" 2>&1; then
  flunk "quickstart --keep makes a cluster"
  sed 's/^/# /' "$dir/quickstart.log" | tail -n 25
  exit 1
fi
pass "quickstart --keep makes a cluster"
# shellcheck disable=SC1091
. "$dir/cluster/env"
i=0
for pid in $SIGNER_PIDS; do i=$((i + 1)); pids[$i]=$pid; done
quorate="$build/tools/quorate" admin="$dir/cluster/admin/provider.json" group="$dir/cluster/group.json"
web=$((base + 90))
hammer() { python3 "$here/handshakes.py" --port "$web" --ca "$CA" "$@"; }
refresh() { "$quorate" "$@" refresh --config "$admin" --group "$group" --key web --evidence "$dir/evidence.json"; }
epochs() { # the epochs that signers tell, each once
  "$quorate" --json status --config "$admin" | python3 -c '
import json, sys
print(*sorted({key["epoch"] for s in json.load(sys.stdin)["signers"] for key in s.get("keys", [])}))'
}
shares() { find "$dir"/cluster/signer-*/state -name '*.share' -printf '%f\n' | sort | uniq -c | awk '{print $1, $2}'; }
"$quorate" status --config "$admin" --wait 120 > /dev/null 2>&1
check "all signers are up and all pools full" "$quorate" status --config "$admin" --wait 60
old=$(epochs)
check "there is one epoch, and three shares of it" test "$(shares)" = "3 $old.share"

# ---- what is refused ----
refuses "another name" 1 "has no key named 'mail'" "$quorate" refresh --config "$admin" --group "$group" --key mail
refuses "a front end may not" 1 "may not start key generations" \
  "$quorate" refresh --config "$dir/cluster/frontend/provider.json" --group "$group" --key web
refuses "--help tells what it needs" 0 "--key-file" "$quorate" refresh --help

# ---- under load ----
(hammer --count 800 --clients 2 --rate 10 > "$dir/load" 2>&1; echo "status $?" >> "$dir/load") & load=$!
sleep 3
check "refresh under 20 handshakes a second" refresh
grep -q "(unchanged)" "$dir/out"; check "... names the key, which is the same" test $? -eq 0
refuses "a second one at once is told to wait" 1 "still changing\|do not have key" refresh
switched() { # until every signer has wiped the old epoch
  for _ in $(seq 120); do
    [ "$(shares | wc -l)" -eq 1 ] && [ "$(epochs)" != "$old" ] && return 0
    sleep 0.5
  done
  shares; epochs
  return 1
}
check "the old shares are gone, the new epoch is in use" switched
new=$(epochs)
check "... one epoch, three shares of it" test "$(shares)" = "3 $new.share"
wait "$load"
sed 's/^/# /' "$dir/load"
check "no handshake failed from before the refresh until after the change" grep -q '^status 0$' "$dir/load"
check "the same key file signs in the new epoch" "$quorate" sign --config "$dir/cluster/frontend/provider.json" --key "$KEY" --count 5

# ---- all signers restarted ----
restart_all() { for s in 1 2 3; do stop_signer $s || return 1; start_signer $s; done; "$quorate" status --config "$admin" --wait 120; }
check "all signers restart and fill their pools" restart_all
check "... with the new epoch" test "$(epochs)" = "$new"
check "... and 100 handshakes are served" hammer --count 100 --clients 1 --rate 20
sleep 1.5
audited() {
  python3 - "${new:0:8}" "${old:0:8}" "$dir"/cluster/signer-*/audit.log <<'PY'
import json, sys
new, old, logs = sys.argv[1], sys.argv[2], sys.argv[3:]
for log in logs:
    epochs = [json.loads(line)['epoch'] for line in open(log) if '"outcome":"signed"' in line]
    count = {e: epochs.count(e) for e in (old, new)}
    print(log, count, 'last:', epochs[-1])
    if not count[old] or not count[new] or epochs[-1] != new:
        sys.exit(1)
PY
}
check "the audit of every signer shows old and new epoch, and the new one last" audited
sed 's/^/# /' "$dir/out" | tail -n 3
check "no presignature was answered for two contents" \
  python3 "$here/audit_check.py" --threshold 2 --at-least 800 "$dir"/cluster/signer-*/audit.log

# ---- a signer that is missing, or dies in the middle ----
stop_signer 3
refuses "without a signer nothing is begun" 3 "signer 3 does not answer" refresh
check "... and the rest signs on" hammer --count 20 --clients 1 --rate 10
start_signer 3
"$quorate" status --config "$admin" --wait 120 > /dev/null 2>&1
killed() { # a signer dies while the ceremony runs; afterwards all have one epoch, and a refresh works
  refresh > "$dir/killed" 2>&1 & local running=$!
  sleep "$1"; kill -KILL "${pids[2]}"; wait "$running"; local status=$?
  wait "${pids[2]}" 2> /dev/null || true
  while kill -0 "${pids[2]}" 2> /dev/null; do sleep 0.05; done  # its port is free then
  sed 's/^/# /' "$dir/killed" | tail -n 4
  start_signer 2
  "$quorate" status --config "$admin" --wait 120 > /dev/null || return 1
  for _ in $(seq 160); do [ "$(epochs | wc -w)" -eq 1 ] && [ "$(shares | grep -c '^3 ')" -ge 1 ] && refresh > "$dir/again" 2>&1 && return 0; sleep 1; done
  echo "status was $status"; cat "$dir/again"; shares
  return 1
}
check "a signer killed during a refresh: the next one works" killed 0.15
check "handshakes go on" hammer --count 40 --clients 1 --rate 10
exit "$([ "$failures" -eq 0 ] && echo 0 || echo 1)"
