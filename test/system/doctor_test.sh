#!/usr/bin/env bash
# `quorate doctor` on a cluster that is whole, and on copies of its files with one thing spoilt in each. TAP output.
# usage: doctor_test.sh SOURCE_ROOT BUILD_DIR
set -uo pipefail

root=$1 build=$2
base=$((20000 + RANDOM % 12000))
[ -n "${QUORATE_TEST_PORT:-}" ] && base=$QUORATE_TEST_PORT
dir=$(mktemp -d /tmp/quorate-test.XXXXXX)
count=0 failures=0
unset OPENSSL_CONF OPENSSL_MODULES OPENSSL_CONF_INCLUDE

pass() { count=$((count + 1)); echo "ok $count - $*"; }
flunk() { count=$((count + 1)); failures=$((failures + 1)); echo "not ok $count - $*"; sed 's/^/# /' "$dir/out" | grep -v '^# ok ' | tail -n 12; }
finish() {
  "$root/tools/quickstart" --stop --dir "$dir/cluster" > /dev/null 2>&1
  echo "1..$count"
  [ "$failures" -eq 0 ] && rm -rf "$dir"
}
trap finish EXIT
quorate="$build/tools/quorate"

# No finding but of the clock, which is the test machine's own affair.
healthy() { # what, arguments
  local what=$1; shift
  "$quorate" doctor "$@" > "$dir/out" 2>&1
  local status=$?
  if grep -E '^(warning|problem)' "$dir/out" | grep -qv '^warning  clock: '; then flunk "$what: has findings"; return; fi
  if [ "$status" -ne 0 ] && [ "$status" -ne 4 ]; then flunk "$what: status $status"; return; fi
  pass "$what: nothing but ok"
}
# Exactly this check finds something, with this text, and says what to do. Others that follow from it are given by name.
finds() { # what, level, check, text, other checks that may complain (space separated), arguments
  local what=$1 level=$2 check=$3 text=$4 also=$5 expected other; shift 5
  expected=1; [ "$level" = warning ] && expected=4
  "$quorate" doctor "$@" > "$dir/out" 2>&1
  local status=$?
  if ! grep -A1 "^$level *$check: .*$text" "$dir/out" | grep -q '^ *-> .'; then flunk "$what: no '$level $check: $text' with advice"; return; fi
  for other in $(sed -n -E 's/^(warning|problem) +([a-z-]+): .*/\2/p' "$dir/out"); do
    case " $check $also clock " in *" $other "*) ;; *) flunk "$what: $other complains as well"; return ;; esac
  done
  if [ "$status" -ne "$expected" ]; then flunk "$what: status $status, not $expected"; return; fi
  pass "$what: $level $check"
}

if ! "$root/tools/quickstart" --keep --dir "$dir/cluster" --build "$build" --base-port "$base" > "$dir/out" 2>&1; then
  flunk "quickstart --keep makes a cluster"
  exit 1
fi
cluster="$dir/cluster"
# The signer that quickstart stopped is back: the others have to link to it, and then its quorums start from nothing.
steady=0
for _ in $(seq 240); do
  "$quorate" doctor --config "$cluster/frontend/provider.json" > "$dir/out" 2>&1
  steady=$((steady + 1))
  if grep -qE '^(warning|problem) *(signer|key)-' "$dir/out" || ! grep -q '^ok *key-pools' "$dir/out"; then steady=0; fi
  [ "$steady" -ge 3 ] && break
  sleep 0.25
done

# A copy of a host's directory that names itself.
copy() { rm -rf "${dir:?}/$2"; cp -a "$cluster/$1" "$dir/$2"; sed -i "s|$cluster/$1|$dir/$2|g" "$dir/$2"/*.cnf 2> /dev/null; true; }
web() { # fresh copy in $dir/web; then a command that spoils something
  copy frontend web
  (cd "$dir/web" && eval "$1") > "$dir/spoil.log" 2>&1 || { cat "$dir/spoil.log" > "$dir/out"; flunk "spoiling: $1"; }
}
web_arguments=(--openssl-conf "$dir/web/openssl.cnf" --key "$dir/web/key.pem" --cert "$dir/web/web.crt")
doctored() { # what to spoil, then as finds without arguments
  local spoil=$1; shift
  web "$spoil"
  finds "$@" "${web_arguments[@]}"
}

web true
healthy "a TLS server" "${web_arguments[@]}"
healthy "a signer" --signerd "$cluster/signer-1/signerd.json"
"$quorate" doctor --json "${web_arguments[@]}" > "$dir/out" 2>&1
if python3 - "$dir/out" <<'PY'
import json, sys
report = json.load(open(sys.argv[1]))
assert report["status"] in ("ok", "warning") and len(report["findings"]) > 20
assert all({"level", "check", "subject", "text"} <= set(f) for f in report["findings"])
PY
then pass "--json is one object with a status and findings"; else flunk "--json"; fi
OPENSSL_CONF="$dir/web/openssl.cnf" healthy "OPENSSL_CONF is used without --openssl-conf"
"$quorate" doctor --colour > "$dir/out" 2>&1
if [ $? -eq 2 ]; then pass "an unknown option has a status of its own"; else flunk "status of an unknown option"; fi

# ---- openssl.cnf and the module ----
doctored 'sed -i "s|^module = .*|module = /nowhere/quorate.so|" openssl.cnf' \
  "a missing module" problem quorate-module "OpenSSL ignores that without a word" ""
doctored 'head -c 4096 /dev/zero > fake.so; sed -i "s|^module = .*|module = $PWD/fake.so|" openssl.cnf' \
  "a module that is no library" problem module-load "invalid ELF header" ""
doctored 'sed -i "s|^module = .*|module = '"$build"'/test/unit/doctor_crashing.so|" openssl.cnf' \
  "a module that crashes" problem module-load "signal 6" "module-log"
doctored 'sed -i "s|^quorate = quorate_sect||" openssl.cnf' \
  "no quorate section" problem quorate-section "does not name the quorate provider" "quorate-module provider-config"
doctored 'sed -i "/quorate-config/{n;d}" openssl.cnf' \
  "a provider that is not activated" problem quorate-activate "does not activate" "module-load"
doctored 'sed -i "s|^quorate-config.*||" openssl.cnf' \
  "no quorate-config" problem quorate-config "nothing can be signed" "provider-config module-log"
doctored 'sed -i "s|^openssl_conf = .*|# &|" openssl.cnf' \
  "no openssl_conf line" problem openssl-sections "has no 'openssl_conf" "quorate-module provider-config"
doctored 'sed -i "1i .include /nowhere/more.cnf" openssl.cnf' \
  "an include that is not there" problem openssl-include "/nowhere/more.cnf: not there" ""
doctored 'sed -i "/^default = /d; s/^quorate = .*/&\ndefault = default_sect/" openssl.cnf' \
  "default behind quorate" warning provider-order "default stands behind" ""
doctored 'sed -i "/^default = /d; s/^quorate-config.*/&\nquorate-load-default = no/" openssl.cnf' \
  "no default provider at all" problem provider-order "ECDHE" "module-neighbours key-load module-log"
doctored 'chmod o+w openssl.cnf; cp '"$build"'/provider/quorate.so .; chmod 777 quorate.so; sed -i "s|^module = .*|module = $PWD/quorate.so|" openssl.cnf' \
  "a module that everybody may replace" problem module-mode "everybody on this host may change it" ""
web 'cp provider.json other.json'
finds "another provider.json than openssl.cnf names" warning openssl-agreement "other.json" "" "${web_arguments[@]}" --config "$dir/web/other.json"

# ---- provider.json, its files, and the key ----
doctored 'sed -i "s/\"cluster\"/\"colour\": 1, \"cluster\"/" provider.json' \
  "an unknown key in provider.json" problem provider-config "colour" "key-load"
doctored 'rm provider.json' \
  "no provider.json" problem quorate-config "cannot be read" "key-load provider-config-mode"
doctored 'chmod 644 tls.key' \
  "a TLS key that everybody may read" problem tls-key-mode "everybody on this host" "module-log"
doctored 'cp '"$cluster"'/admin/tls.key .' \
  "another certificate's TLS key" problem tls-key-match "does not belong" "key-load signer-link"
doctored 'cp '"$cluster"'/web-ca/ca.crt .' \
  "another CA" problem tls-chain "does not lead to a CA" "signer-link"
doctored 'cp '"$cluster"'/ca/ca.key .' \
  "the CA's key on the server" warning tls-ca-key "pose as a front end" ""
doctored 'rm tls.crt' \
  "no TLS certificate" problem tls-certificate "No such file" "key-load signer-link"

issue() { # request, certificate, start and end as YYYYMMDDHHMMSSZ: signed by the cluster's CA
  mkdir -p "$dir/issue" && : > "$dir/issue/index" && printf '%016x' "$(date +%s%N)" > "$dir/issue/serial"
  printf '[ca]\ndefault_ca = c\n[c]\ndatabase = %s\nserial = %s\nnew_certs_dir = %s\ndefault_md = sha256\npolicy = p\ncopy_extensions = copy\nunique_subject = no\n[p]\ncommonName = supplied\n' \
    "$dir/issue/index" "$dir/issue/serial" "$dir/issue" > "$dir/issue/ca.cnf"
  openssl ca -batch -notext -config "$dir/issue/ca.cnf" -cert "$cluster/ca/ca.crt" -keyfile "$cluster/ca/ca.key" -in "$1" -out "$2" \
    -startdate "$3" -enddate "$4"
}
moment() { date -u -d "$1" +%Y%m%d%H%M%SZ; }
doctored 'issue tls.csr tls.crt "$(moment "-9 days")" "$(moment "-1 day")"' \
  "an expired TLS certificate" problem tls-certificate "expired on" "key-load signer-link"
doctored 'issue tls.csr tls.crt "$(moment "+1 day")" "$(moment "+90 days")"' \
  "a TLS certificate of tomorrow" problem tls-certificate "not valid before" "key-load signer-link"
doctored 'issue tls.csr tls.crt "$(moment "-1 day")" "$(moment "+5 days")"' \
  "a TLS certificate that ends in five days" warning tls-certificate "expires on" ""
doctored 'rm tls.*; '"$quorate"' init frontend --dir . --cluster other --name web; '"$quorate"' ca sign --ca '"$cluster"'/ca --csr tls.csr --out tls.crt' \
  "a TLS certificate of another cluster" problem tls-identity "of cluster 'other', not 'demo'" "key-load signer-link"
doctored 'head -c 150 key.pem > k; mv k key.pem' \
  "a key file that is cut off" problem key-file "" "key-load"
doctored 'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem' \
  "an ordinary private key" problem key-load "ordinary key" "key-file"
doctored 'python3 -c "import base64,re
t=open(\"key.pem\").read().split(\"\n\"); d=base64.b64decode(\"\".join(t[1:-2])).replace(b\"demo\", b\"test\")
open(\"key.pem\",\"w\").write(\"\n\".join([t[0], base64.b64encode(d).decode(), t[-2], \"\"]))"' \
  "a key file of another cluster" problem key-cluster "is of cluster 'test'" "key-load"
doctored 'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -out web.crt -subj /CN=x -days 90' \
  "a certificate of another key" problem key-match "is not the key of" ""
doctored 'openssl x509 -req -in '"$cluster"'/admin/web.csr -CA '"$cluster"'/web-ca/ca.crt -CAkey '"$cluster"'/web-ca/ca.key -out web.crt -days 3' \
  "a server certificate that ends in three days" warning server-certificate "expires on" ""

# ---- signers ----
second=$(sed -n 's/.*"identity": "\([0-9a-f]*\)".*/\1/p' "$cluster/frontend/provider.json" | sed -n 2p)
flipped=$(printf '%s' "$second" | tr '0-9a-f' 'f0-9a-e')
doctored 'sed -i "s/$second/$flipped/" provider.json' \
  "a signer with another identity key" problem signer-link "pinned identity key" "key-quorum"
doctored 'sed -i "s/127.0.0.1:$((base + 2))/127.0.0.1:$((base + 80))/" provider.json' \
  "a signer that is not there" problem signer-link "Connection refused" "key-quorum"
doctored 'sed -i "s/127.0.0.1:$((base + 2))/no-such-host.invalid:$((base + 2))/" provider.json' \
  "a signer whose name does not resolve" problem signer-link "does not resolve" "key-quorum module-log"
doctored 'sed -i "s/127.0.0.1:$((base + 2))\"/127.0.0.1:X\"/; s/127.0.0.1:$((base + 1))\"/127.0.0.1:$((base + 2))\"/; s/127.0.0.1:X\"/127.0.0.1:$((base + 1))\"/" provider.json' \
  "two signers' addresses exchanged" problem signer-link "the certificate says signer" "key-quorum"

# ---- a signer's host ----
signer() { # what to spoil, then as finds without arguments
  local spoil=$1; shift
  copy signer-1 signer
  (cd "$dir/signer" && eval "$spoil") > "$dir/spoil.log" 2>&1 || { cat "$dir/spoil.log" > "$dir/out"; flunk "spoiling: $spoil"; }
  finds "$@" --signerd "$dir/signer/signerd.json"
}
signer 'sed -i "s/\"cluster\"/\"colour\": 1, \"cluster\"/" signerd.json' \
  "an unknown key in signerd.json" problem signerd-config "colour" ""
signer 'chmod 640 state.key' \
  "a state key that the group may read" problem state-key-mode "its group may read" "signerd-config"
signer 'chmod 604 identity.key' \
  "an identity key that everybody may read" problem identity-key-mode "everybody" "signerd-config"
signer 'chmod 755 state' \
  "a state directory that others may enter" problem state-mode "others may look into it" ""
signer 'cp -p '"$cluster"'/signer-2/state.key .' \
  "another signer's state key" problem signerd-shares "does not open with this state key" ""
signer 'cp -p '"$cluster"'/signer-2/identity.key .' \
  "another signer's identity key" problem signerd-config "is not the identity key" ""
signer 'cp -p '"$cluster"'/signer-2/tls.key '"$cluster"'/signer-2/tls.crt .' \
  "another signer's certificate" problem tls-identity "not for signer 1" "signerd-config"
signer 'sed -i "s|\"audit.log\"|\"/nowhere/audit.log\"|" signerd.json' \
  "an audit log that cannot be written" problem signerd-audit "/nowhere cannot be written" ""
signer 'issue tls.csr tls.crt "$(moment "-1 day")" "$(moment "+5 days")"' \
  "a signer's certificate that ends in five days" warning tls-certificate "expires on" ""
before=$(cd "$cluster/signer-1/state" && find . -printf '%p %m %T@\n' | sort)
"$quorate" doctor --signerd "$cluster/signer-1/signerd.json" > "$dir/out" 2>&1
if [ "$before" = "$(cd "$cluster/signer-1/state" && find . -printf '%p %m %T@\n' | sort)" ]; then
  pass "content and modes of the state directory are as they were"
else
  flunk "the state directory was changed"
fi

# ---- and with signers gone ----
# shellcheck disable=SC1091
. "$cluster/env"
unset OPENSSL_CONF
kill "$(echo "$SIGNER_PIDS" | cut -d' ' -f3)"
sleep 0.5
web true
finds "one of three signers stopped" problem signer-link "signer 3: .*Connection refused" "key-quorum key-pools" "${web_arguments[@]}"
finds "the same seen from another signer" problem peer-link "signer 3: .*Connection refused" "" --signerd "$cluster/signer-1/signerd.json"
kill "$(echo "$SIGNER_PIDS" | cut -d' ' -f2)"
sleep 0.5
finds "too few signers left" problem key-quorum "nothing can be signed" "signer-link" "${web_arguments[@]}"
exit "$([ "$failures" -eq 0 ] && echo 0 || echo 1)"
