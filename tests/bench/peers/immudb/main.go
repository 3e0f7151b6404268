// SPDX-License-Identifier: MIT

// A load of immudb at 127.0.0.1, by its own client.
//
//	immudb-load PORT batches FILE CONNECTIONS BATCH PREFIX   each line of FILE once, in transactions of BATCH
//	immudb-load PORT single FILE CONNECTIONS SECONDS PREFIX  one line a transaction, over and over
//
// A line is a value; its key is PREFIX and a number. Prints how many were
// committed, and the seconds. Each connection is a session of its own.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/codenotary/immudb/pkg/api/schema"
	"github.com/codenotary/immudb/pkg/client"
)

const database = "bench"

// The default database takes 30 writers at once.
func prepare(port int) {
	c := connect(port, "defaultdb")
	settings := &schema.DatabaseNullableSettings{MaxConcurrency: &schema.NullableUint32{Value: 100}}
	_, err := c.CreateDatabaseV2(context.Background(), database, settings)
	if err != nil && !strings.Contains(err.Error(), "already exists") {
		log.Fatal(err)
	}
	_ = c.CloseSession(context.Background())
}

func connect(port int, database string) client.ImmuClient {
	directory := must(os.MkdirTemp("", "immudb-load")) // its own state; a client keeps one a server
	options := client.DefaultOptions().WithAddress("127.0.0.1").WithPort(port).WithDir(directory).WithDisableIdentityCheck(true)
	c := client.NewClient().WithOptions(options)
	if err := c.OpenSession(context.Background(), []byte("immudb"), []byte("immudb"), database); err != nil {
		log.Fatal(err)
	}
	os.RemoveAll(directory)
	return c
}

func main() {
	if len(os.Args) != 7 {
		log.Fatal("usage: immudb-load PORT batches|single FILE CONNECTIONS BATCH|SECONDS PREFIX")
	}
	port := must(strconv.Atoi(os.Args[1]))
	prepare(port)
	clients := make([]client.ImmuClient, must(strconv.Atoi(os.Args[4])))
	for i := range clients {
		clients[i] = connect(port, database)
	}
	done, took := load(os.Args[2], os.Args[3], len(clients), os.Args[5], func(writer int, first int64, values [][]byte) {
		request := &schema.SetRequest{}
		for i, value := range values {
			key := []byte(fmt.Sprintf("%s-%d", os.Args[6], first+int64(i)))
			request.KVs = append(request.KVs, &schema.KeyValue{Key: key, Value: value})
		}
		must(clients[writer].SetAll(context.Background(), request))
	})
	for _, c := range clients {
		_ = c.CloseSession(context.Background())
	}
	fmt.Println(done, took)
}
