# SPDX-License-Identifier: MIT
# What report.jq made of make bench-scale, as a table for a reader: a column a size, its median divided by
# the first one's.

include "statistics";

.participants as $steps
| "\(.date), \(.program), \(.server), \(.machine.cores) cores, load average \(.machine.load_average[0]) at the start and \(.machine.load_average[1]) at the end; "
  + "\(.machine.file_system), appending 4 KiB and fdatasync: median \(.machine.fdatasync_us.median) µs.",
  "",
  "| what | unit |\($steps | map(" \(.title) |") | join(""))", "|---|---|\($steps | map("---|") | join(""))",
  (.rows[] | .figures as $figures | $figures[0].median as $first
   | "| \(.title) | \(.unit) |" + ($steps | map(.name as $name
     | " " + ([$figures[] | select(.who == $name) | cell + (if .who == $steps[0].name then "" else " ×\(.median / $first | told)" end)] | join("")) + " |") | join("")))
