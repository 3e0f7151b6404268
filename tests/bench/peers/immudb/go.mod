module counterfoil/bench/immudb

go 1.24

require github.com/codenotary/immudb v1.10.0

// As immudb's own go.mod has it.
replace github.com/takama/daemon v0.12.0 => github.com/codenotary/daemon v0.0.0-20200507161650-3d4bcb5230f4
