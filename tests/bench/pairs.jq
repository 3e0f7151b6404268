# SPDX-License-Identifier: MIT
# Many runs of make bench, before.N.json and after.N.json, as one table of our figures.

include "statistics";

# {"key": {"N": median}} of the runs of one build.
def by_key($name): map(select(.name == $name)) | group_by(.key)
  | map({key: .[0].key, value: (map({key: .pair, value: .median}) | from_entries)}) | from_entries;

[inputs | (input_filename | split("/")[-1] | split(".")) as [$name, $pair]
 | .participants[0].name as $us | .rows[] | . as $row | .figures[] | select(.who == $us)
 | {name: $name, pair: $pair, key: $row.key, title: "\($row.title), \($row.unit)", median: .median}] as $all
| ($all | by_key("before")) as $before | ($all | by_key("after")) as $after
| "| figure | before: median (spread) | after: median (spread) | after/before, pair by pair: median (spread) |", "|---|---|---|---|",
  (reduce $all[] as $one ([]; if any(.[]; .key == $one.key) then . else . + [$one] end)
   | .[] | .key as $key | ratios($after[$key] // {}; $before[$key] // {}) as $ratios | select($ratios != [])
   | "| \(.title) (\($key)) | \([$before[$key][]] | spread | cell) | \([$after[$key][]] | spread | cell) | \($ratios | spread | cell) |")
