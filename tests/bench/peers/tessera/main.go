// SPDX-License-Identifier: MIT

// A load of a Tessera log in a POSIX directory. Tessera is a library: the log
// is in this process.
//
//	tessera-load DIRECTORY batches FILE WRITERS BATCH    each line of FILE once; a writer waits for all of a BATCH
//	tessera-load DIRECTORY single FILE WRITERS SECONDS   one line, waited for, over and over
//
// Prints how many entries have a durable place, the seconds, and its peak
// memory in KiB. The log gathers entries for 1 ms, or 1,024 of them, before it
// writes; a checkpoint is a second apart. No antispam: an entry that comes
// twice is there twice.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

// The log's key, made the first time, kept beside the log.
func signer(directory string) note.Signer {
	path := filepath.Join(filepath.Dir(directory), "tessera.key")
	key, err := os.ReadFile(path)
	if err != nil {
		secret, _, err := note.GenerateKey(rand.Reader, "bench.example.org")
		key = []byte(must(secret, err))
		if err := os.WriteFile(path, key, 0o600); err != nil {
			log.Fatal(err)
		}
	}
	return must(note.NewSigner(string(key)))
}

func main() {
	if len(os.Args) != 6 {
		log.Fatal("usage: tessera-load DIRECTORY batches|single FILE WRITERS BATCH|SECONDS")
	}
	ctx := context.Background()
	driver := must(posix.New(ctx, posix.Config{Path: os.Args[1]}))
	options := tessera.NewAppendOptions().WithCheckpointSigner(signer(os.Args[1])).
		WithCheckpointInterval(time.Second).WithBatching(1024, time.Millisecond)
	appender, shutdown, _, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		log.Fatal(err)
	}
	writers := must(strconv.Atoi(os.Args[4]))
	done, took := load(os.Args[2], os.Args[3], writers, os.Args[5], func(_ int, _ int64, values [][]byte) {
		var futures []tessera.IndexFuture
		for _, value := range values {
			futures = append(futures, appender.Add(ctx, tessera.NewEntry(value)))
		}
		for _, future := range futures {
			must(future())
		}
	})
	if err := shutdown(ctx); err != nil { // waits until all is in a checkpoint
		log.Fatal(err)
	}
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	fmt.Println(done, took, usage.Maxrss)
}
