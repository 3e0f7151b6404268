#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The documentation against what it speaks of: the programs' --help, the tables of routes, errors and options, openapi.json,
# and the links between the documents.
set -euo pipefail
export LC_ALL=C

: "${CF_SRCDIR:=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}"
: "${CF_BUILDDIR:=$CF_SRCDIR}"
: "${CF_CLI:=$CF_BUILDDIR/counterfoil}"
: "${CF_FCGI:=$CF_BUILDDIR/counterfoil.fcgi}"
: "${CF_VERIFY:=$CF_BUILDDIR/counterfoil-verify}"
: "${CF_SIGNER:=$CF_BUILDDIR/counterfoil-signer}"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$CF_SRCDIR"
documents=(README.md doc/*.md)
failed=0

complain() { printf '%s\n' "$*"; failed=1; }

# Two sorted lists, one entry a line, that should be one.
same() { # same NAME-OF-A A NAME-OF-B B
  local line
  while read -r line; do complain "only in $1: $line"; done < <(comm -23 "$2" "$4")
  while read -r line; do complain "only in $3: $line"; done < <(comm -13 "$2" "$4")
  [ -s "$2" ] || complain "nothing was found in $1"
}

# ---- the manual pages against --help

help_options() { sed -n 's/^  --\([a-z-]*\).*/\1/p'; }
man_options() { sed -n 's/^\.It Fl Fl \([a-z-]*\).*/\1/p'; }
man_section() { awk -v name="$2" '/^\.S[hs] /{on = ($2 == name)} on' "$1"; }

check_command() { # leaves the commands in $tmp/commands
  local page=doc/counterfoil.1 command
  "$CF_CLI" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' | sort >"$tmp/commands"
  awk '/^\.Sh /{on = ($2 == "DESCRIPTION")} on && /^\.Ss /{print $2}' "$page" | sort >"$tmp/sections"
  same "counterfoil --help" "$tmp/commands" "$page" "$tmp/sections"
  while read -r command; do
    "$CF_CLI" "$command" --help | help_options | sed -E "/^(config|help|version)$/d" | sort >"$tmp/help"
    man_section "$page" "$command" | man_options | sort >"$tmp/man"
    [ ! -s "$tmp/help" ] || same "counterfoil $command --help" "$tmp/help" "$page, $command" "$tmp/man"
  done <"$tmp/commands"
}

check_fcgi() {
  "$CF_FCGI" --help | help_options | sort >"$tmp/help"
  man_section doc/counterfoil.fcgi.8 DESCRIPTION | man_options | sort >"$tmp/man"
  same "counterfoil.fcgi --help" "$tmp/help" doc/counterfoil.fcgi.8 "$tmp/man"
}

check_apart() {
  "$CF_VERIFY" --help | help_options | sort >"$tmp/help"
  man_section doc/counterfoil-verify.1 DESCRIPTION | man_options | sort >"$tmp/man"
  same "counterfoil-verify --help" "$tmp/help" doc/counterfoil-verify.1 "$tmp/man"
  "$CF_SIGNER" --help | help_options | sort >"$tmp/help"
  man_section doc/counterfoil-signer.8 DESCRIPTION | man_options | sort >"$tmp/man"
  same "counterfoil-signer --help" "$tmp/help" doc/counterfoil-signer.8 "$tmp/man"
}

check_options() {
  bash tests/conf-man.sh . >"$tmp/table"
  sed '1,/^\.\\" From here/d; /^\.\\" End of the table/,$d' doc/counterfoil.conf.5 >"$tmp/page"
  diff -u "$tmp/page" "$tmp/table" || complain "doc/counterfoil.conf.5 is out of date: put the output of tests/conf-man.sh between its marks"
}

# ---- api.md against the tables and openapi.json

route_lines() { # METHOD PATH PARAMETERS; "?" where the handler judges them
  sed -n 's/^CF_ROUTE(\([A-Z]*\), *"\([^"]*\)", *[A-Z]*, *[01], *\(NULL\|"[a-z]*"\), *\(NULL\|"[^"]*"\), .*/\1 \2 \4/p' fcgi-app/routes/route.def | sed 's/\.\.\.}/}/; s/NULL$/?/; s/"//g'
}

question_names() { # the parameters of GET /v1/events, one a line
  local name type
  sed -n 's/^CF_PARAM([A-Z_]*, *"\([a-z_]*\)".*/\1/p' lib/query/query.def
  while read -r name type; do
    printf '%s\n' "$name" "$name.not"
    [ "$name" = ip ] || echo "$name.prefix"
    case $type in NAME | TEXT) echo "$name.ci" ;; esac
  done < <(sed -n 's/^CF_MEMBER([A-Z_]*, *"\([a-z_]*\)", *\([A-Z]*\), *[A-Z]*, *[1-9][0-9]*,.*/\1 \2/p' lib/record/schema.def)
  printf '%s\n' attributes.NAME q format trailer
}

check_routes() {
  local method path params name
  route_lines | cut -d ' ' -f 1,2 | sort >"$tmp/table"
  sed -n 's/^| `\(GET\|POST\) \([^`]*\)` |.*/\1 \2/p' doc/api.md | sort >"$tmp/api"
  jq -r '.paths | to_entries[] | .key as $path | .value | keys[] | select(. == "get" or . == "post") | "\(ascii_upcase) \($path)"' www/openapi.json | sort >"$tmp/openapi"
  same fcgi-app/routes/route.def "$tmp/table" doc/api.md "$tmp/api"
  same fcgi-app/routes/route.def "$tmp/table" www/openapi.json "$tmp/openapi"
  while read -r method path params; do
    jq -r --arg path "$path" --arg method "${method,,}" '. as $all | [.paths[$path].parameters[]?, .paths[$path][$method].parameters[]?] | .[]
      | if has("$ref") then (.["$ref"] | split("/")[-1]) as $name | $all.components.parameters[$name] else . end | select(.in == "query").name' www/openapi.json | sort >"$tmp/described"
    case $method.$path.$params in
      'GET./v1/events.?') question_names ;;
      'GET./v1/evidence.?')
        question_names | grep -vxE 'sort|order|limit|cursor|fields|format|trailer'
        echo at
        ;;
      'GET./.?') question_names | grep -vxE 'limit|fields|format|trailer' | grep -xFf "$tmp/described" ;; # it describes some of them
      *.'?') complain "nobody knows the parameters of $method $path" ;;
      *) tr ' ' '\n' <<<"$params" | sed '/^$/d' ;;
    esac | sort >"$tmp/taken"
    cmp -s "$tmp/taken" "$tmp/described" || same "the rows of $method $path" "$tmp/taken" "www/openapi.json, $method $path" "$tmp/described"
    while read -r name; do
      grep -qE "[\`?&]${name%%.*}([\`=.]|\$)" doc/api.md || complain "doc/api.md does not name the parameter $name of $method $path"
    done <"$tmp/described"
  done < <(route_lines)
}

# members FILE FUNCTION: the names of what it puts into an answer
members() { sed -n "/^[a-z].*[ *]$2(/,/^}/p" "$1" | grep -oE 'put_[a-z0-9_]+\([^"]*, "[a-z_]+"' | sed 's/.*, "//; s/"//'; }

check_answers() { # of answers that openapi.json describes and that have grown
  {
    echo ok
    members fcgi-app/routes/handle_admin.c cf_handle_healthz
  } | sort >"$tmp/table"
  jq -r '.paths["/healthz"].get.responses["200"].content["application/json"].schema.properties | keys[]' www/openapi.json | sort >"$tmp/openapi"
  same fcgi-app/routes/handle_admin.c "$tmp/table" "www/openapi.json, GET /healthz" "$tmp/openapi"
  {
    echo ready
    members fcgi-app/routes/handle_admin.c cf_handle_readyz | sort -u
  } | sort >"$tmp/table"
  jq -r '.paths["/readyz"].get.responses["200"].content["application/json"].schema.properties | keys[]' www/openapi.json | sort >"$tmp/openapi"
  same fcgi-app/routes/handle_admin.c "$tmp/table" "www/openapi.json, GET /readyz" "$tmp/openapi"
  {
    members fcgi-app/who/token_row.c cf_token_put_members
    members fcgi-app/routes/handle_tokens.c put_one
    members fcgi-app/routes/handle_tokens.c answer_token
  } | sort -u >"$tmp/table"
  jq -r '.components.schemas.token.properties | keys[]' www/openapi.json | sort >"$tmp/openapi"
  same fcgi-app/who/token_row.c "$tmp/table" "www/openapi.json, token" "$tmp/openapi"
}

check_formats() { # names, and the media types that Accept asks by
  sed -n 's/^CF_OUTPUT([a-z]*, *"\([a-z]*\)", *"\([^"]*\)",.*/\1\n\2/p' lib/output/output.def | sort >"$tmp/table"
  sed -n 's/^| `format` | \(.*\) |$/\1/p' doc/api.md | grep -o '`[a-z/-]*`' | tr -d '`' | sort >"$tmp/api"
  jq -r '.paths["/v1/events"].get | (.parameters[] | select(.name == "format").schema.enum[]), (.responses["200"].content | keys[])' www/openapi.json | sort >"$tmp/openapi"
  same lib/output/output.def "$tmp/table" doc/api.md "$tmp/api"
  same lib/output/output.def "$tmp/table" www/openapi.json "$tmp/openapi"
}

# Words that no client of HTTP sees yet.
unseen='expired|bad-signature|bad-proof|later'

check_errors() {
  sed -n 's/^CF_ERR([A-Z]*, *"\([a-z-]*\)", *\([0-9]*\),.*/\2 \1/p' lib/base/err.def | grep -vE " ($unseen)\$" | sort >"$tmp/table"
  awk -F '|' '/^## /{on = ($0 == "## Errors")} on && $2 ~ /^ [0-9][0-9][0-9] $/ {gsub(/[ `]+/, " ", $3); n = split($3, word, " "); for (i = 1; i <= n; i++) print $2 + 0, word[i]}' doc/api.md | sort >"$tmp/api"
  same lib/base/err.def "$tmp/table" doc/api.md "$tmp/api"
}

check_members() {
  sed -n 's/^CF_MEMBER([A-Z_]*, *"\([a-z_]*\)".*/\1/p' lib/record/schema.def | sort >"$tmp/table"
  awk '/^## /{on = ($0 == "## Members")} on && /^\| (public|`actor`|`client`|`resource`|`detail`) /' doc/format.md | sed 's/^|[^|]*|//' | grep -o '`[a-z_]*` (' | tr -d '`( ' | sort >"$tmp/format"
  same lib/record/schema.def "$tmp/table" doc/format.md "$tmp/format"
  sed -n 's/^CF_KIND([A-Z]*, *"\([a-z]*\)".*/\1/p' lib/record/schema.def | sort >"$tmp/table"
  awk '/^\| kind \| when/{on = 1; next} /^$/{on = 0} on' doc/format.md | cut -d '|' -f 2 | grep -o '`[a-z]*`' | tr -d '`' | sort >"$tmp/format"
  same lib/record/schema.def "$tmp/table" doc/format.md "$tmp/format"
}

check_verdicts() {
  sed -n 's/^CF_VERDICT(\([A-Z_]*\),.*/\1/p' lib/proof/verdict.def | sort >"$tmp/table"
  awk '/^## /{on = ($0 == "## Verdicts"); next} /^$/{on = 0} on' doc/format.md | grep -o '`[A-Z_]*`' | tr -d '`' | sort >"$tmp/format"
  same lib/proof/verdict.def "$tmp/table" doc/format.md "$tmp/format"
}

# ---- commands that the documents show

# What stands in code, a piece a line, continued lines joined: indented lines, and what is between backticks.
shown() {
  sed -e ':a' -e '/\\$/{N;s/\\\n//;ba;}' "${documents[@]}" | awk '/^    /{print; next} {n = split($0, part, "`"); for (i = 2; i <= n; i += 2) print part[i]}'
}

check_commands() {
  local words word command
  while read -r -a words; do
    command=${words[1]:-}
    [[ $command != --* && -n $command ]] || continue
    grep -qx "$command" "$tmp/commands" || { complain "the documents call counterfoil $command, which is not there"; continue; }
    [[ $command != @(query|evidence) ]] || continue # their filters are options
    for word in "${words[@]:2}"; do
      [[ $word == --* ]] || continue
      word=${word#--}
      grep -qx -- "${word%%=*}" < <("$CF_CLI" "$command" --help | help_options) || complain "the documents call counterfoil $command --$word, which is no option"
    done
  done < <(sed -nE 's/^(.*[ (|])?(counterfoil [^|)#]*).*/\2/p' "$tmp/shown")
}

check_targets() {
  local word
  while read -r word; do
    grep -qE "^$word:" Makefile.am || [[ $word =~ ^(check|install|dist|distcheck|distclean)$ ]] || complain "the documents say make $word, which is no target"
  done < <(sed -nE 's/^(.*[ &])?make ([a-z-]+).*/\2/p' "$tmp/shown" | sort -u)
}

check_keys() {
  local word
  while read -r word; do
    grep -q "^CF_OPTION([a-z_]*, *\"$word\"" lib/base/conf.def || complain "the documents set $word, which is no option of the configuration"
  done < <(grep -ohE "['\`][a-z_]+ = " README.md doc/api.md doc/architecture.md | tr -d "'\` =" | sort -u)
}

# ---- links

# As the usual viewers make them of headings.
anchors() { sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'; }

check_links() {
  local document link target
  for document in "${documents[@]}"; do
    while read -r link; do
      [[ $link =~ ^[a-z]+: ]] && continue
      target=$document
      [ -z "${link%%#*}" ] || target=$(dirname "$document")/${link%%#*}
      [ -e "$target" ] || { complain "$document: there is no $link"; continue; }
      [[ $link != *#* ]] || anchors "$target" | grep -qxF -- "${link#*#}" || complain "$document: there is no heading $link"
    done < <(grep -o '](\([^)]*\))' "$document" | sed 's/^](//; s/)$//')
  done
}

check_command
check_fcgi
check_apart
check_options
check_routes
check_answers
check_formats
check_errors
check_members
check_verdicts
shown >"$tmp/shown"
check_commands
check_targets
check_keys
check_links
[ "$failed" = 1 ] || echo "the documentation is true"
exit "$failed"
