# SPDX-License-Identifier: MIT
# What report.jq made, as Markdown for a reader: a line of text an absent peer and a participant, then one table.

include "statistics";

(.participants | map({key: .name, value: .title}) | from_entries) as $title
| .participants[0].name as $us
| "\(.date), \(.program), \(.server), \(.machine.cores) cores, load average \(.machine.load_average[0]) at the start and \(.machine.load_average[1]) at the end; "
  + "\(.machine.file_system), appending 4 KiB and fdatasync: median \(.machine.fdatasync_us.median) µs, 99th percentile \(.machine.fdatasync_us.p99) µs.",
  "Settings: \(.settings | to_entries | map("\(.key) \(.value)") | join(", ")). A figure is the median (the least … the most) of the rounds; × is our figure divided by theirs.",
  "",
  (.participants[] | "- \(.title): \(.settings)"),
  (.absent[] | "- absent: \(.title): \(.why)"),
  "",
  "| what | unit | \($title[$us]) | beside it |", "|---|---|---|---|",
  (.rows[]
   | (.figures | map(select(.who == $us)) | map(cell) | join("")) as $ours
   | (.figures | map(select(.who != $us)) | map("\($title[.who]) \(cell)" + (if .ratio then " ×\(.ratio | told)" else "" end)) | join("; ")) as $theirs
   | "| \(.title) | \(.unit) | \($ours) | \($theirs) |")
