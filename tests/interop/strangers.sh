# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Other people's verifiers, fetched by their registries' own clients at the versions that go.sum, package-lock.json and requirements.txt
# pin. To be sourced after lib.sh.
#
#   strangers_build           all of them, in $TMP/strangers
#   stranger NAME SITE KIT    ask one (go/main.go says what these are); what it says is $TMP/said, its status 0, 1 or 2
#   accepted SITE KIT NAME…   each of them must accept

STRANGERS="mod-note mod-tlog torchwood-client torchwood-proof formats merkle tessera-client tessera-fsck sigstore-js sigstore-py"
glue=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fetched() { # fetched WHAT COMMAND…: a registry may be slow to answer once
  "${@:2}" >>"$TMP/log/strangers" 2>&1 || { sleep 5; "${@:2}" >>"$TMP/log/strangers" 2>&1; } ||
    die "$1: $(tail -n 5 "$TMP/log/strangers")"
}

go_build() { (cd "$glue/go" && GOTOOLCHAIN=local GOFLAGS='-mod=readonly -buildvcs=false' go build -o "$TMP/strangers/go" .); }
npm_install() { (cd "$TMP/strangers/npm" && npm ci --ignore-scripts --no-audit --no-fund); }
pypi_install() {
  [ -x "$TMP/strangers/pypi/bin/pip" ] || python3 -m venv "$TMP/strangers/pypi" || return 1
  "$TMP/strangers/pypi/bin/pip" install --disable-pip-version-check --require-hashes -r "$glue/pypi/requirements.txt"
}

strangers_build() {
  local tool start=$SECONDS
  for tool in go node npm python3; do command -v "$tool" >/dev/null || die "no $tool here: see doc/HACKING.md"; done
  mkdir "$TMP/strangers"
  cp -r "$glue/npm" "$TMP/strangers/npm"
  fetched "Go's verifiers" go_build
  fetched "npm's verifier" npm_install
  fetched "PyPI's verifier" pypi_install
  note "strangers are here after $((SECONDS - start)) s"
}

stranger() {
  case $1 in
    sigstore-js) timeout "$PATIENCE" node "$TMP/strangers/npm/stranger.js" "${@:2}" ;;
    sigstore-py) timeout "$PATIENCE" "$TMP/strangers/pypi/bin/python" "$glue/pypi/stranger.py" "${@:2}" ;;
    *) timeout "$PATIENCE" "$TMP/strangers/go" "$@" ;;
  esac >"$TMP/said" 2>&1 </dev/null
}

accepted() {
  local name
  for name in "${@:3}"; do
    if stranger "$name" "$1" "$2"; then pass "$name accepts $WHAT"; else fail "$name accepts $WHAT" "$(head -c 600 "$TMP/said")"; fi
  done
}
