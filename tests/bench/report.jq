# SPDX-License-Identifier: MIT
# The figures of a run as one JSON value. $rows is rows.table; a line of $figures is KEY, WHO, ROUND, VALUE with tabs between, of $who
# NAME, TITLE, WHAT IS SET, of $absent TITLE, WHY. The first of $who is the one that the others are held against: a ratio is its figure
# divided by theirs, round by round, so that both had the machine as it was then.

include "statistics";

def lines: split("\n") | map(select(. != "" and (startswith("#") | not)));
# {"round": value} of one of them, in one row.
def by_round($key; $name): map(select(.key == $key and .who == $name)) | map({key: .round, value: .value}) | from_entries;

($figures | lines | map(split("\t") | {key: .[0], who: .[1], round: .[2], value: (.[3] | tonumber)})) as $all
| ($who | lines | map(split("\t") | {name: .[0], title: .[1], settings: .[2]})) as $parts
| ($rows | lines | map(sub(" +$"; "") | split("|") | map(gsub("^ +| +$"; "")) | {key: .[0], title: .[1], unit: .[2], better: .[3]})) as $table
| (($all | map(.key) | unique) - ($table | map(.key)))[:1] as $stray
| if $stray != [] then error("a figure without a row: \($stray[0])") else . end
| {date: $date, program: $program, server: $server, settings: $settings,
   machine: {cores: $cores, load_average: $load, file_system: $file_system, fdatasync_us: {median: $fdatasync_us[0], p99: $fdatasync_us[1]}},
   participants: $parts,
   absent: ($absent | lines | map(split("\t") | {title: .[0], why: .[1]})),
   rows: [$table[] | . as $row
     | ($all | by_round($row.key; $parts[0].name)) as $ours
     | . + {figures: [$parts[] | .name as $name | ($all | by_round($row.key; $name)) as $values | select($values != {})
         | {who: $name} + ([$values[]] | spread) + (if $name == $parts[0].name then {} else {ratio: (ratios($ours; $values) | if . == [] then null else median end)} end)]}
     | select(.figures != [])]}
