#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Completions: what bash offers, in a function call and when somebody types a tab, and zsh, where there is one.
. "$(dirname "$0")/lib.sh"

begin completion
chmod 755 "$TMP"
cd "$TMP" || exit
run "for bash" 0 completion bash
cp "$TMP/out" "$TMP/counterfoil.bash"
run "for zsh" 0 completion zsh
mkdir "$TMP/zsh" && cp "$TMP/out" "$TMP/zsh/_counterfoil"
run "for another" 2 completion fish
complains 'bash and for zsh' "there is none"
cmp "$TMP/counterfoil.bash" "$CF_BUILDDIR/completion/counterfoil" && cmp "$TMP/zsh/_counterfoil" "$CF_BUILDDIR/completion/_counterfoil"
is $? 0 "what is installed is what is printed"

# ---- bash

mkdir "$TMP/place" && touch "$TMP/place/access.log" "$TMP/place/two words.log" && mkdir "$TMP/place/sub"
# offers WANT WORDS…: the last word is being typed; = is a word of its own, as bash has it
offers() {
  local want=$1
  shift
  is "$(cd "$TMP/place" && bash --norc --noprofile -c '. "$1"; shift; COMP_WORDS=(counterfoil "$@"); COMP_CWORD=$#; _counterfoil; printf "%s\n" "${COMPREPLY[@]}" | sort | tr "\n" "|"' bash "$TMP/counterfoil.bash" "$@")" "$want" "bash: $*"
}
offers "verify|version|" ver
offers "--version|" --v
offers "query|" --config x qu
offers "query|" --config = x qu
offers "add|list|revoke|" token ""
offers "revoke|" token re
offers "bash|zsh|" completion ""
offers "query|" help q
offers "--size|" proof 7 --si
offers "--until|--user|" query --u
offers "|" query --user al
offers "|" query --user = al
offers "access.log|" import --state a
offers "access.log|" import --state = a
offers "access.log|sub|two words.log|" import --source x ""
offers "sub|" recover --data s
offers "access.log|" verify --config a
for command in $("$CLI" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
  offers "$("$CLI" help "$command" | sed -n 's/^  \(--[a-z-]*\).*/\1/p; s/^  \([a-z_]*\)=.*/--\1/p' | sort | tr '\n' '|')" "$command" --
done

# types NAME WANT SHELL KEYS: what that shell makes of the keys, echoed. A busy machine gets more time.
types() {
  local got= pause
  for pause in 0.3 2 10; do
    got=$({ sleep "$pause"; printf '%b' "$4"; sleep "$pause"; printf '\001echo is: \005\nexit\n'; } | script -qec "$3" /dev/null 2>&1 |
      tr -d '\r' | sed -n 's/^\(\x1b\[?2004l\)*is: //p' | tail -n 1)
    [ "$got" != "$2" ] || break
  done
  is "$got" "$2" "$1"
}
types "bash: a person types tabs" "counterfoil status --json" "bash --rcfile $TMP/counterfoil.bash --noprofile -i" 'counterfoil stat\t --js\t'

# ---- zsh

if command -v zsh >/dev/null; then
  check "zsh takes it" zsh -n "$TMP/zsh/_counterfoil"
  mkdir "$TMP/zdot"
  printf 'fpath=(%s $fpath)\nautoload -U compinit\ncompinit -u -D\nPS1="> "\n' "$TMP/zsh" >"$TMP/zdot/.zshrc"
  export ZDOTDIR="$TMP/zdot"
  types "zsh: a person types tabs" "counterfoil status --json" "zsh -i" 'counterfoil stat\t --js\t'
  types "zsh: what a command begins with" "counterfoil token revoke" "zsh -i" 'counterfoil token rev\t'
fi
finish
