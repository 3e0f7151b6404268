# SPDX-License-Identifier: MIT
# What a list of numbers says, and how it is told. Included by the other *.jq here.

def median: sort | if length % 2 == 1 then .[(length - 1) / 2] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def spread: {median: median, least: min, most: max, n: length};

# Of {"round": value} twice: the first divided by the second, for each round that both have.
def ratios($ours; $theirs): [$ours | to_entries[] | select($theirs[.key] != null and $theirs[.key] != 0) | .value / $theirs[.key]];

# A number with about three digits that count, commas between thousands.
def grouped: tostring | until(test("^[0-9]{4,}(,|$)") | not; sub("(?<a>[0-9])(?<b>[0-9]{3})(?<c>,|$)"; "\(.a),\(.b)\(.c)"));
def places($n): . as $x | pow(10; $n) as $p | ($x * $p | round) / $p;
def told: if . >= 100 then round | grouped elif . >= 10 then places(1) | tostring elif . >= 1 then places(2) | tostring else places(3) | tostring end;
def cell: (.median | told) + if .n == 1 then "" else " (\(.least | told) … \(.most | told))" end;
