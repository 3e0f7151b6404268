module counterfoil/bench/tessera

go 1.24

require github.com/transparency-dev/tessera v1.0.4
