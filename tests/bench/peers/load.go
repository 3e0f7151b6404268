// SPDX-License-Identifier: MIT

// What the loads of both peers share.
package main

import (
	"bytes"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// load puts the lines of a file by so many writers at once, each with its
// number: "batches", every line once, amount lines a put; "single", one line a
// put, over and over, for amount seconds. first is the number of a put's first
// value. The result is how many values were put, and the seconds.
func load(kind, file string, writers int, amount string, put func(writer int, first int64, values [][]byte)) (int64, float64) {
	lines := bytes.Split(bytes.TrimSuffix(must(os.ReadFile(file)), []byte("\n")), []byte("\n"))
	n := must(strconv.ParseFloat(amount, 64))
	batch, total := int64(1), int64(1)<<62
	start := time.Now()
	end := start.Add(24 * time.Hour)
	if kind == "batches" {
		batch, total = int64(n), int64(len(lines))
	} else {
		end = start.Add(time.Duration(n * float64(time.Second)))
	}
	var next, done atomic.Int64
	var all sync.WaitGroup
	for writer := range writers {
		all.Add(1)
		go func() {
			defer all.Done()
			for time.Now().Before(end) {
				from := next.Add(batch) - batch
				if from >= total {
					return
				}
				var values [][]byte
				for i := from; i < min(from+batch, total); i++ {
					values = append(values, lines[i%int64(len(lines))])
				}
				put(writer, from, values)
				done.Add(int64(len(values)))
			}
		}()
	}
	all.Wait()
	return done.Load(), time.Since(start).Seconds()
}
