#!/usr/bin/env bash
# A whole cluster on loopback, made by tools/quickstart, and real servers and clients against it. TAP output.
# usage: cluster_test.sh SOURCE_ROOT BUILD_DIR [CURVE]
set -uo pipefail

root=$1 build=$2 curve=${3:-P-256}
here="$root/test/system"
base=$((20000 + RANDOM % 12000))
dir=$(mktemp -d /tmp/quorate-test.XXXXXX)
count=0 failures=0
extra_pids=()

pass() { count=$((count + 1)); echo "ok $count - $*"; }
flunk() { count=$((count + 1)); failures=$((failures + 1)); echo "not ok $count - $*"; }
check() { local what=$1; shift; if "$@" > "$dir/out" 2>&1; then pass "$what"; else flunk "$what"; sed 's/^/# /' "$dir/out" | tail -n 15; fi; }
refuses() { # what, text expected in the output, command: must fail and say why
  local what=$1 text=$2; shift 2
  if "$@" > "$dir/out" 2>&1; then flunk "$what (it succeeded)"; return; fi
  if grep -q -- "$text" "$dir/out"; then pass "$what"; else flunk "$what (no '$text' in the message)"; sed 's/^/# /' "$dir/out" | tail -n 15; fi
}
finish() {
  for pid in "${extra_pids[@]}"; do kill "$pid" 2>/dev/null; done
  "$root/tools/quickstart" --stop --dir "$dir/cluster" > /dev/null 2>&1
  echo "1..$count"
  [ "$failures" -eq 0 ] && rm -rf "$dir"
}
trap finish EXIT

if ! "$root/tools/quickstart" --keep --dir "$dir/cluster" --build "$build" --base-port "$base" --curve "$curve" > "$dir/quickstart.log" 2>&1; then
  flunk "quickstart --keep makes a cluster"
  sed 's/^/# /' "$dir/quickstart.log" | tail -n 25
  exit 1
fi
pass "quickstart --keep makes a cluster: key generation, certificate, nginx, survives a stopped signer"
# shellcheck disable=SC1091
. "$dir/cluster/env"
quorate="$build/tools/quorate"
web=$((base + 90)) other=$((base + 91))
provider="$dir/cluster/frontend/provider.json"
"$quorate" status --config "$provider" --wait 90 > /dev/null 2>&1
check "all signers are up and all pools full" "$quorate" status --config "$provider" --wait 60

# Into a file and not into grep -q, which ends the pipe at the first match.
verified() { # s_client's options
  echo Q | timeout 20 openssl s_client -servername localhost -CAfile "$CA" -verify_return_error "$@" > "$dir/client" 2>&1
  grep -q 'Verify return code: 0 (ok)' "$dir/client"
}
client() { verified -connect "127.0.0.1:$1" -tls1_3 -groups "$2" && grep -q 'TLSv1.3' "$dir/client"; } # port, group
# The signer that quickstart stopped has just come back: the first handshakes may still meet its old leases.
for _ in $(seq 20); do client "$web" X25519 && break; sleep 0.2; done
for group in X25519 P-256; do check "s_client against nginx, TLS 1.3, group $group, verify OK" client "$web" "$group"; done

OPENSSL_CONF="$OPENSSL_CONF" openssl s_server -accept "127.0.0.1:$other" -key "$KEY" -cert "$CERT" -www -quiet \
  < /dev/null > "$dir/s_server.log" 2>&1 &
extra_pids+=($!)
for _ in $(seq 50); do client "$other" X25519 && break; sleep 0.1; done
for group in X25519 P-256; do check "s_client against s_server, TLS 1.3, group $group, verify OK" client "$other" "$group"; done
tls12() { verified -connect "127.0.0.1:$web" -tls1_2; }
check "TLS 1.2 ECDHE-ECDSA against nginx" tls12

# The load is held to what the pools can follow on two slow cores that do everything else as well; presignatures on
# P-384 take longer to make.
many=500 few=400 pace=50 used=900
if [ "$curve" = P-384 ]; then many=100 few=80 pace=5 used=180; fi
hammer() { python3 "$here/handshakes.py" --port "$web" --ca "$CA" "$@"; }
check "$many handshakes in a row, none failed" hammer --count $many --clients 1 --rate $((pace * 3))
check "4 concurrent clients, $few handshakes, none failed" hammer --count $few --clients 4 --rate $pace
sed 's/^/# /' "$dir/out"
sleep 1.5
check "no presignature was answered for two contents, or by more than 2 signers" \
  python3 "$here/audit_check.py" --threshold 2 --at-least $used "$dir"/cluster/signer-*/audit.log
sed 's/^/# /' "$dir/out" | tail -n 5

# ---- no process holds what it must not ----
# shellcheck disable=SC2086
check "no process holds a foreign share or the private key; planted controls are found" \
  "$build/test/system/memory_search" "$dir/cluster" $SIGNER_PIDS $NGINX_PID $(pgrep -P "$NGINX_PID") "${extra_pids[@]}"
sed 's/^/# /' "$dir/out"

# ---- tools: each works or is refused with a reason ----
run_tool() { OPENSSL_CONF="$OPENSSL_CONF" openssl "$@"; }
admin_tool() { OPENSSL_CONF="$dir/cluster/admin/openssl.cnf" openssl "$@"; }
echo "content" > "$dir/file"
head -c 32 /dev/urandom > "$dir/digest"
check "openssl pkey shows the public key" run_tool pkey -in "$KEY" -pubout -out "$dir/pub.pem"
check "openssl pkey -text" run_tool pkey -in "$KEY" -text -noout
check "the public key is the certificate's" sh -c "openssl x509 -in '$CERT' -pubkey -noout | cmp - '$dir/pub.pem'"
refuses "a front end may not sign a CSR" "PolicyDenied" run_tool req -new -key "$KEY" -subj /CN=x -out "$dir/x.csr"
check "an administrator may" admin_tool req -new -key "$KEY" -subj /CN=x -out "$dir/x.csr"
refuses "openssl dgst -sign of a file is refused by name" "ContentRefused" admin_tool dgst -sha256 -sign "$KEY" -out "$dir/sig" "$dir/file"
refuses "openssl pkeyutl -sign of a bare digest is refused by name" "BareDigestRefused" admin_tool pkeyutl -sign -inkey "$KEY" -in "$dir/digest" -out "$dir/sig"
refuses "openssl cms -sign is refused by name" "ContentRefused" run_tool cms -sign -signer "$CERT" -inkey "$KEY" -in "$dir/file" -out "$dir/cms"
refuses "openssl x509 -req with this key as CA is refused by policy" "PolicyDenied" \
  admin_tool x509 -req -in "$dir/x.csr" -CA "$CERT" -CAkey "$KEY" -CAcreateserial -out "$dir/x.crt"

# ---- bad input: clear errors, and the daemon lives on ----
refuses "a truncated key file" "key file" sh -c "head -c 200 '$KEY' > '$dir/short.pem'; '$quorate' key show '$dir/short.pem'"
refuses "an unknown key in signerd.json names file and key" "colour" \
  sh -c "sed 's/\"cluster\"/\"colour\": 1, \"cluster\"/' '$dir/cluster/signer-1/signerd.json' > '$dir/cluster/signer-1/bad.json'; '$build/signerd/signerd' -t --config '$dir/cluster/signer-1/bad.json'"
refuses "a missing key in signerd.json is named" "listen" \
  sh -c "grep -v '\"listen\"' '$dir/cluster/signer-1/signerd.json' > '$dir/cluster/signer-1/bad.json'; '$build/signerd/signerd' -t --config '$dir/cluster/signer-1/bad.json'"
refuses "a changed group.json is not believed" "signature" \
  sh -c "sed 's/127.0.0.1:$((base + 1))/127.0.0.1:9/' '$dir/cluster/group.json' > '$dir/bad-group.json'; '$quorate' group show '$dir/bad-group.json'"
refuses "a CSR that was changed on the way" "signature" \
  python3 "$here/spoil_csr.py" "$quorate" "$dir/cluster/ca" "$dir/cluster/admin/tls.csr" "$dir/spoilt.crt"
check "garbage, half-open connections and an oversized frame from an administrator: each is closed" python3 "$here/garbage.py" --port $((base + 1)) --identity "$dir/cluster/admin"
check "signing goes on after that" "$quorate" sign --config "$provider" --key "$KEY" --count 3

# ---- N - T >= 1: a signer killed under load ----
killed() {
  local victim; victim=$(echo "$SIGNER_PIDS" | cut -d' ' -f1)
  hammer --count $((many / 5 * 2)) --clients 2 --rate $((pace > 25 ? 25 : pace)) & local load=$!
  sleep 0.5; kill -KILL "$victim"
  wait "$load"
}
check "one signer killed with SIGKILL under load: no failed handshake" killed
sed 's/^/# /' "$dir/out"
refuses "key generation without that signer says who is missing" "signer 1 does not answer" \
  "$quorate" keygen --config "$dir/cluster/admin/provider.json" --group "$dir/cluster/group.json" --name other --out "$dir/other.pem"
exit "$([ "$failures" -eq 0 ] && echo 0 || echo 1)"
