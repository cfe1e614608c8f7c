#!/usr/bin/env bash
# nginx in mode "tier": 3 signers, 2 coordinatord, handshakes, and coordinators that die under load. TAP output.
# usage: tier_test.sh SOURCE_ROOT BUILD_DIR
set -uo pipefail

root=$1 build=$2
here="$root/test/system"
base=$((21000 + RANDOM % 800))
dir=$(mktemp -d /tmp/quorate-tier.XXXXXX)
count=0 failures=0 pids=() c_pid=(0 0 0)

pass() { count=$((count + 1)); echo "ok $count - $*"; }
flunk() { count=$((count + 1)); failures=$((failures + 1)); echo "not ok $count - $*"; }
check() { local what=$1; shift; if "$@" > "$dir/out" 2>&1; then pass "$what"; else flunk "$what"; sed 's/^/# /' "$dir/out" | tail -n 15; fi; }
refuses() { # what, text expected in the output, command: must fail and say why
  local what=$1 text=$2; shift 2
  if "$@" > "$dir/out" 2>&1; then flunk "$what (it succeeded)"; return; fi
  if grep -q -- "$text" "$dir/out"; then pass "$what"; else flunk "$what (no '$text' in the message)"; sed 's/^/# /' "$dir/out" | tail -n 15; fi
}
finish() {
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null; done
  "$root/tools/quickstart" --stop --dir "$dir/cluster" > /dev/null 2>&1
  echo "1..$count"
  [ "$failures" -eq 0 ] && rm -rf "$dir"
}
trap finish EXIT

if ! "$root/tools/quickstart" --keep --dir "$dir/cluster" --build "$build" --base-port "$base" > "$dir/quickstart.log" 2>&1; then
  flunk "quickstart --keep makes a cluster"
  sed 's/^/# /' "$dir/quickstart.log" | tail -n 25
  exit 1
fi
# shellcheck disable=SC1091
. "$dir/cluster/env"
quorate="$build/tools/quorate" cluster="$dir/cluster"
direct="$cluster/frontend/provider.json" web=$((base + 92))
chmod 755 "$dir"

# ---- two coordinators, made with the tools ----
prepare() { # number
  local c="$cluster/c$1"
  "$quorate" init coordinator --dir "$c" --cluster demo --name "c$1" &&
    "$quorate" ca sign --ca "$cluster/ca" --csr "$c/tls.csr" --out "$c/tls.crt" --expect "coordinator c$1" &&
    cp "$cluster/ca/ca.crt" "$cluster/group.json" "$c/" && cp "$KEY" "$c/web.pem" &&
    "$quorate" group coordinator --group "$c/group.json" --listen "127.0.0.1:$((base + 50 + $1))" --key web=web.pem \
      --out "$c/coordinatord.json" &&
    "$build/signerd/coordinatord" --config "$c/coordinatord.json" --test
}
for i in 1 2; do check "quorate init, ca, group make a configuration that coordinatord $i takes" prepare "$i"; done
refuses "a front end's certificate is no coordinator's" "not for a coordinator of demo" \
  sh -c "sed 's/\"tls.crt\"/\"..\/frontend\/tls.crt\"/; s/\"tls.key\"/\"..\/frontend\/tls.key\"/' '$cluster/c1/coordinatord.json' > '$cluster/c1/bad.json'; '$build/signerd/coordinatord' -t --config '$cluster/c1/bad.json'"

start() { # number
  "$build/signerd/coordinatord" --config "$cluster/c$1/coordinatord.json" >> "$cluster/c$1/log" 2>&1 < /dev/null &
  c_pid[$1]=$!
  pids+=("$!")
}
start 1; start 2

# ---- a front end that knows coordinators only ----
front="$cluster/tier"
mkdir "$front" && cp "$cluster"/frontend/{tls.key,tls.crt,ca.crt} "$front/"
tier_config() { "$quorate" group provider --group "$cluster/group.json" --coordinator "c1=127.0.0.1:$((base + 51))" \
  --coordinator "c2=127.0.0.1:$((base + 52))" --out "$front/provider.json" --openssl-conf "$front/openssl.cnf" --module "$MODULE"; }
check "quorate group provider --coordinator writes a provider.json of mode tier" tier_config
check "which names no signer" sh -c "! grep -q identity '$front/provider.json'"
"$quorate" status --config "$direct" --wait 90 > /dev/null 2>&1
check "quorate sign through the tier" "$quorate" sign --config "$front/provider.json" --key "$KEY" --count 5
refuses "quorate status says that it needs the signers" "names coordinators" "$quorate" status --config "$front/provider.json"
refuses "a front end may not sign a CSR through the tier either" "PolicyDenied" \
  env OPENSSL_CONF="$front/openssl.cnf" openssl req -new -key "$KEY" -subj /CN=x -out "$dir/x.csr"
mkdir "$dir/foreign" && cp "$cluster"/c2/{tls.key,tls.crt,ca.crt} "$dir/foreign/" && cp "$front/provider.json" "$dir/foreign/"
refuses "coordinatord serves no other coordinator" "" "$quorate" sign --config "$dir/foreign/provider.json" --key "$KEY" --count 1
check "and says so in its log" grep -q "serves front ends and administrators, not coordinator c2" "$cluster/c1/log"

# ---- nginx ----
mkdir "$dir/nginx"
sed "s#$cluster/nginx#$dir/nginx#g; s#127.0.0.1:$((base + 90))#127.0.0.1:$web#; s#worker_processes 1#worker_processes 2#" \
  "$cluster/nginx/nginx.conf" > "$dir/nginx/nginx.conf"
OPENSSL_CONF="$front/openssl.cnf" "$(command -v nginx || echo /usr/sbin/nginx)" -e "$dir/nginx/error.log" -p "$dir/nginx" \
  -c "$dir/nginx/nginx.conf" >> "$dir/nginx/stdout.log" 2>&1 < /dev/null &
pids+=("$!")
hammer() { python3 "$here/handshakes.py" --port "$web" --ca "$CA" "$@"; }
for _ in $(seq 50); do hammer --count 1 > /dev/null 2>&1 && break; sleep 0.1; done
check "handshakes through the tier, TLS 1.3, verified" hammer --count 100 --clients 2 --rate 25
sed 's/^/# /' "$dir/out"
sleep 1.2
served() { grep -c '"outcome":"signed"' "$cluster/c$1/audit.log"; }
check "both coordinators had their share" sh -c "[ $(served 1) -ge 20 ] && [ $(served 2) -ge 20 ]"
check "the signers' audit names the front end" sh -c "cat '$cluster'/signer-*/audit.log | grep -c '\"frontend\":\"quorate:demo/frontend/web\"'"

# ---- a coordinator dies under load of four clients ----
dies() { # number, signal
  hammer --count 240 --clients 4 --rate 12 & local load=$!
  sleep 1.5; kill "-$2" "${c_pid[$1]}"
  wait "$load"
}
for round in "1 KILL" "2 KILL" "1 STOP" "2 TERM"; do
  # shellcheck disable=SC2086
  set -- $round
  check "coordinator $1 gets SIG$2 under load of 4 clients: no failed handshake" dies "$1" "$2"
  sed 's/^/# /' "$dir/out"
  if [ "$2" = TERM ]; then
    wait "${c_pid[$1]}"; ended=$?
    check "after SIGTERM it ended with status 0" [ "$ended" -eq 0 ]
  fi
  if [ "$2" = STOP ]; then kill -CONT "${c_pid[$1]}"; else start "$1"; fi
  sleep 1
done

# ---- no coordinator at all, and back ----
kill -KILL "${c_pid[1]}" "${c_pid[2]}"
refuses "without any coordinator the handshake fails" "failed" hammer --count 1
check "and nginx's log says why" grep -q "no coordinator is reachable" "$dir/nginx/error.log"
start 1; start 2
back() { for _ in $(seq 20); do hammer --count 1 > /dev/null 2>&1 && return 0; sleep 0.1; done; return 1; }
check "and it goes on when they are back" back
sleep 1  # each worker dials at least twice a second; that one of them is back says nothing of the other
check "20 more, none failed" hammer --count 20 --clients 2 --rate 10

sleep 1.5
check "no presignature was answered for two contents, or by more than 2 signers" \
  python3 "$here/audit_check.py" --threshold 2 --at-least 900 "$cluster"/signer-*/audit.log
sed 's/^/# /' "$dir/out" | tail -n 5
exit "$([ "$failures" -eq 0 ] && echo 0 || echo 1)"
