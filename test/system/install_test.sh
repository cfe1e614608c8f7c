#!/usr/bin/env bash
# `meson install` into an empty directory: what arrives, where, and that it works there. TAP output.
# usage: install_test.sh SOURCE_ROOT BUILD_DIR
set -uo pipefail

root=$1 build=$2
dir=$(mktemp -d /tmp/quorate-test.XXXXXX)
count=0 failures=0
unset OPENSSL_CONF OPENSSL_MODULES DESTDIR

pass() { count=$((count + 1)); echo "ok $count - $*"; }
skip() { count=$((count + 1)); echo "ok $count - $1 # SKIP $2"; }
flunk() { count=$((count + 1)); failures=$((failures + 1)); echo "not ok $count - $*"; sed 's/^/# /' "$dir/out" | tail -n 15; }
check() { local what=$1; shift; if "$@" > "$dir/out" 2>&1; then pass "$what"; else flunk "$what"; fi; }
finish() { echo "1..$count"; [ "$failures" -eq 0 ] && rm -rf "$dir"; }
trap finish EXIT

if ! meson install -C "$build" --no-rebuild --strip --destdir "$dir/root" > "$dir/out" 2>&1; then
  flunk "meson install"
  exit 1
fi
pass "meson install --strip"
option() { meson introspect "$build" --buildoptions | python3 -c "import json,sys; print(next(o['value'] for o in json.load(sys.stdin) if o['name'] == '$1'))"; }
prefix=$(option prefix)
sysconf=$(option sysconfdir); case "$sysconf" in /*) ;; *) sysconf="$prefix/$sysconf" ;; esac
modules=$(option modulesdir); [ -n "$modules" ] || modules=$(openssl version -m | sed 's/.*"\(.*\)"/\1/')
units=$(option systemdunitdir); [ -n "$units" ] || units=$(pkg-config --variable=systemdsystemunitdir systemd 2> /dev/null || echo "$prefix/lib/systemd/system")
users=$(pkg-config --variable=sysusersdir systemd 2> /dev/null || echo "$prefix/lib/sysusers.d")
examples="$prefix/share/doc/quorate/examples"

{ echo "$prefix/bin/quorate" "$prefix/$(option sbindir)/signerd" "$prefix/$(option sbindir)/coordinatord" "$modules/quorate.so" "$units/signerd.service" "$units/coordinatord.service" "$users/quorate.conf" \
    "$sysconf/quorate/openssl-quorate.cnf" "$prefix/share/doc/quorate/README.md"
  for page in coordinatord.8 coordinatord.json.5 quorate.1 signerd.json.5 quorate-provider.7 signerd.8; do echo "$prefix/share/man/man${page##*.}/$page"; done
  for file in apache.conf coordinatord.json haproxy.cfg haproxy-async.cfg haproxy-crt-list.txt haproxy-decline.cfg nginx.conf nginx-decline.conf openssl.cnf provider.json quorate-haproxy-agent.service s_server.sh signerd.json signerd-systemd.json; do
    echo "$examples/$file"
  done; } | tr ' ' '\n' | sort > "$dir/wanted"
(cd "$dir/root" && find . -type f | sed 's/^\.//' | sort) > "$dir/found"
check "exactly the files that belong there" diff "$dir/wanted" "$dir/found"
check "no installed file can be written by others" sh -c "! find '$dir/root' -type f -perm /022 | grep ."
small() { [ "$(stat -c %s "$dir/root$modules/quorate.so")" -lt 8000000 ] || { ls -l "$dir/root$modules/quorate.so"; false; }; }
# A build for a sanitizer or for debugging is larger.
case "$(option b_sanitize)$(option buildtype)" in
  nonedebugoptimized|nonerelease) check "the stripped module is below 8 MB" small ;;
  *) skip "the stripped module is below 8 MB" "not a build to be installed" ;;
esac
exports() { nm -D --defined-only "$dir/root$modules/quorate.so" | awk '{print $3}' | sed 's/@.*//' | sort -u | tr '\n' ' '; }
if [ "$(exports)" = "OSSL_provider_init " ]; then pass "the stripped module exports OSSL_provider_init alone"; else exports > "$dir/out"; flunk "exports"; fi

# ---- the openssl.cnf drop-in, alone and included by Debian's own file ----
drop_in="$dir/root$sysconf/quorate/openssl-quorate.cnf"
check "the drop-in names the module's real place" grep -qx "module = $modules/quorate.so" "$drop_in"
sed -i "s|^module = .*|module = $dir/root$modules/quorate.so|" "$drop_in"
providers() { OPENSSL_CONF=$1 openssl list -providers > "$dir/out" 2>&1; [ "$(grep -c 'status: active' "$dir/out")" = 2 ] && grep -q '^  default$' "$dir/out" && grep -q '^  quorate$' "$dir/out"; }
if providers "$drop_in"; then pass "alone it activates default and quorate"; else flunk "the drop-in alone"; fi
system=$(openssl version -d | sed 's/.*"\(.*\)"/\1/')/openssl.cnf
if [ -r "$system" ]; then
  { cat "$system"; echo ".include $drop_in"; } > "$dir/system.cnf"
  if providers "$dir/system.cnf"; then pass "as the last line of the system's openssl.cnf it activates both"; else flunk "the drop-in included"; fi
  { echo ".include $drop_in"; cat "$system"; } > "$dir/first.cnf"
  check "as its first line it leaves the system's own keys in place" \
    sh -c "OPENSSL_CONF='$dir/first.cnf' openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=x -out /dev/null"
else
  skip "as the last line of the system's openssl.cnf it activates both" "there is none"
fi
"$dir/root$prefix/bin/quorate" doctor --openssl-conf "$drop_in" > "$dir/out" 2>&1
if grep -q '^ok *module-load' "$dir/out" && grep -q '^ok *provider-order' "$dir/out"; then
  pass "quorate doctor finds the installed module"
else
  flunk "quorate doctor on the installed module"
fi

# ---- man pages: they render, and leave nothing out ----
man="$dir/root$prefix/share/man"
if command -v groff > /dev/null; then
  for page in "$man"/man*/*; do
    check "${page##*/} renders without a warning" sh -c "! groff -ww -man -Tutf8 -z '$page' 2>&1 | grep ."
  done
else
  skip "man pages render" "no groff"
fi
plain() { sed 's/\\-/-/g; s/\\f.//g' "$1"; }
missing_words() { # page, words on standard input
  local page=$1 word; plain "$page" > "$dir/page"
  while read -r word; do grep -qw -e "$word" "$dir/page" || echo "$word"; done
}
all_help() { "$build/tools/quorate" --help-all; for c in "init signer" "init frontend" "init admin" "ca init" "ca sign" "group assemble" "group show" "group provider" "group coordinator" "init coordinator"; do "$build/tools/quorate" $c --help; done; }
none_missing() { missing_words "$@" > "$dir/out"; [ ! -s "$dir/out" ]; }
if all_help | grep -oE -e '--[a-z][a-z-]+' | sort -u | none_missing "$man/man1/quorate.1"; then pass "quorate.1 names every option"; else flunk "quorate.1 leaves out"; fi
if "$build/tools/quorate" --help-all | sed -n 's/^\([a-z]\+\)$/\1/p' | none_missing "$man/man1/quorate.1"; then pass "quorate.1 names every command"; else flunk "quorate.1 leaves out"; fi
if grep -ohE '(good|warning|problem)\("[a-z-]+"|kCheck = "[a-z-]+"|kIdentity = "[a-z-]+"|judge_[a-z_]+\("[a-z-]+"' "$root"/tools/doctor_*.cpp |
  sed 's/.*"\(.*\)"/\1/' | sort -u | none_missing "$man/man1/quorate.1"; then
  pass "quorate.1 names every check of the doctor"
else
  flunk "quorate.1 leaves out"
fi
if "$build/signerd/signerd" --help | grep -oE -e '--[a-z][a-z-]+' | sort -u | none_missing "$man/man8/signerd.8"; then pass "signerd.8 names every option"; else flunk "signerd.8 leaves out"; fi
if "$build/signerd/coordinatord" --help | grep -oE -e '--[a-z][a-z-]+' | sort -u | none_missing "$man/man8/coordinatord.8"; then pass "coordinatord.8 names every option"; else flunk "coordinatord.8 leaves out"; fi
known() { # the keys that the program itself lists when it meets an unknown one
  tr '(' '\n' | sed -n 's/^known: \([a-z_, ]*\)).*/\1/p' | tr -d ' ' | tr ',' '\n'
}
echo '{"cluster": "x", "colour": 1, "pool": {"colour": 1}, "presign": {"colour": 1}, "tls": {"colour": 1}, "policy": [{"colour": 1}]}' > "$dir/signerd.json"
"$build/signerd/signerd" -t --config "$dir/signerd.json" 2>&1 | known | sort -u > "$dir/keys"
if [ "$(wc -l < "$dir/keys")" -gt 20 ] && none_missing "$man/man5/signerd.json.5" < "$dir/keys"; then pass "signerd.json.5 names every key"; else flunk "signerd.json.5 leaves out"; fi
digits() { printf "$1%.0s" $(seq 64); }
cat > "$dir/coordinatord.json" <<JSON
{"cluster": "x", "listen": "h:1", "colour": 1, "keys": [{"name": "a", "file": "a", "colour": 1}], "limits": {"colour": 1},
 "signers": [{"id": 1, "address": "h:1", "identity": "$(digits 1)", "colour": 1}, {"id": 2, "address": "h:2", "identity": "$(digits 2)"}],
 "tls": {"certificate": "c", "key": "k", "ca": "a", "colour": 1}, "policy": [{"who": "admin/*", "keys": ["*"], "contexts": [], "colour": 1}]}
JSON
"$build/signerd/coordinatord" -t --config "$dir/coordinatord.json" 2>&1 | known | sort -u > "$dir/keys"
if [ "$(wc -l < "$dir/keys")" -gt 15 ] && none_missing "$man/man5/coordinatord.json.5" < "$dir/keys"; then pass "coordinatord.json.5 names every key"; else flunk "coordinatord.json.5 leaves out"; fi
echo '{"cluster": "x", "mode": "tier", "colour": 1, "coordinators": [{"colour": 1}], "tls": {"colour": 1}}' > "$dir/tier.json"
"$build/tools/quorate" status --config "$dir/tier.json" 2>&1 | known | sort -u > "$dir/keys"
if [ "$(wc -l < "$dir/keys")" -gt 8 ] && none_missing "$man/man7/quorate-provider.7" < "$dir/keys"; then pass "quorate-provider.7 names every key of mode tier"; else flunk "quorate-provider.7 leaves out"; fi
echo '{"cluster": "x", "colour": 1, "signers": [{"colour": 1}, {"colour": 1}], "tls": {"colour": 1}, "log": {"colour": 1}}' > "$dir/provider.json"
"$build/tools/quorate" status --config "$dir/provider.json" 2>&1 | known | sort -u > "$dir/keys"
if [ "$(wc -l < "$dir/keys")" -gt 8 ] && none_missing "$man/man7/quorate-provider.7" < "$dir/keys"; then pass "quorate-provider.7 names every key of provider.json"; else flunk "quorate-provider.7 leaves out"; fi
sed -n '/enum class Reason/,/};/p' "$root/provider/errors.h" | grep -oE '^ +[A-Z][A-Za-z]+' | tr -d ' ' > "$dir/reasons"
sed -n '/enum class SignErrorCode/,/};/p' "$root/protocol/base/sign_error.h" | grep -oE '^ +[A-Z][A-Za-z]+' | tr -d ' ' >> "$dir/reasons"
if [ "$(wc -l < "$dir/reasons")" -gt 18 ] && none_missing "$man/man7/quorate-provider.7" < "$dir/reasons"; then pass "quorate-provider.7 names every reason"; else flunk "quorate-provider.7 leaves out"; fi

# ---- systemd ----
unit="$dir/root$units/signerd.service"
check "the unit starts the installed daemon" grep -q "^ExecStart=$prefix/$(option sbindir)/signerd --config $sysconf/quorate/signerd.json\$" "$unit"
check "the coordinator's unit starts the installed daemon" grep -q "^ExecStart=$prefix/$(option sbindir)/coordinatord --config $sysconf/quorate/coordinatord.json\$" "$dir/root$units/coordinatord.service"
check "the unit does not run as root" grep -qx "User=quorate" "$unit"
fits() { # what the sample says is what the unit provides
  local sample="$dir/root$examples/signerd-systemd.json" key
  for key in $(grep -o '/run/credentials/signerd.service/[a-z.]*' "$sample" | sed 's|.*/||'); do
    grep -q "^LoadCredential=$key:$sysconf/quorate/$key\$" "$unit" || { echo "no credential $key"; return 1; }
  done
  [ "$(grep -c '^LoadCredential=' "$unit")" = 3 ] && grep -q '"state": "/var/lib/quorate"' "$sample" && grep -qx 'StateDirectory=quorate' "$unit" &&
    grep -q '"audit": "/var/log/quorate/' "$sample" && grep -qx 'LogsDirectory=quorate' "$unit"
}
check "signerd-systemd.json names what the unit provides" fits
if command -v systemd-analyze > /dev/null; then
  # The daemon has to be where the unit says, so the trial unit names it where it was installed to.
  mkdir -p "$dir/unit" && sed "s|^ExecStart=|&$dir/root|" "$unit" > "$dir/unit/signerd.service"
  check "systemd-analyze verify has nothing to say" sh -c "! systemd-analyze verify --man=no '$dir/unit/signerd.service' 2>&1 | grep signerd"
  exposure() { systemd-analyze security --offline=true --threshold=20 "$dir/unit/signerd.service"; }
  check "systemd-analyze security counts it as safe (exposure 2.0 or less)" exposure
  check "the user's line is one that systemd-sysusers takes" systemd-sysusers --dry-run "$dir/root$users/quorate.conf"
else
  skip "systemd-analyze verify" "no systemd"
fi

# ---- the sample works, but for the credentials that systemd brings ----
host="$dir/host" q="$dir/root$prefix/bin/quorate"
prepare() {
  "$q" init signer --dir "$host" --cluster prod --id 1 --address 127.0.0.1:7400 && "$q" init signer --dir "$dir/other" --cluster prod --id 2 --address 127.0.0.1:7401 &&
    "$q" ca init --dir "$dir/ca" --cluster prod && "$q" ca sign --ca "$dir/ca" --csr "$host/tls.csr" --out "$host/tls.crt" && cp "$dir/ca/ca.crt" "$host" &&
    "$q" group assemble --out "$host/group.json" "$host/signer-1.json" "$dir/other/signer-2.json" &&
    sed "s|/run/credentials/signerd.service/||; s|/var/lib/quorate|state|; s|/var/log/quorate/||; s|10.0.0.1|127.0.0.1|" \
      "$dir/root$examples/signerd-systemd.json" > "$host/signerd.json" && "$dir/root$prefix/$(option sbindir)/signerd" -t --config "$host/signerd.json"
}
check "signerd -t takes signerd-systemd.json" prepare
sed "s|10.0.0.1|127.0.0.1|" "$dir/root$examples/signerd.json" > "$host/signerd.json"
check "signerd -t takes signerd.json" "$dir/root$prefix/$(option sbindir)/signerd" -t --config "$host/signerd.json"
front_end() { # nobody answers at the sample's addresses: what counts is that the file is taken
  "$q" init frontend --dir "$dir/web" --cluster example --name web && "$q" ca init --dir "$dir/ca2" --cluster example &&
    "$q" ca sign --ca "$dir/ca2" --csr "$dir/web/tls.csr" --out "$dir/web/frontend.crt" && cp "$dir/ca2/ca.crt" "$dir/web" &&
    mv "$dir/web/tls.key" "$dir/web/frontend.key" && cp "$dir/root$examples/provider.json" "$dir/web" || return 1
  "$q" status --config "$dir/web/provider.json" | tee "$dir/status"
  grep -q 'signer 3: DOWN (192.0.2.13:7401)' "$dir/status"
}
check "provider.json is taken as it stands" front_end
exit "$([ "$failures" -eq 0 ] && echo 0 || echo 1)"
