// SPDX-License-Identifier: MIT

// What other people's Go programs make of a ledger: nothing here verifies, it
// only hands what a ledger gave to those who do.
//
//	strangers NAME SITE KIT
//
// SITE is the URL under which /checkpoint and /tile/ are. KIT is a directory:
// vkey, a key a line, the newest last; early, an older checkpoint; checkpoint,
// the one that consistency.json leads to; records, sequence numbers, a line
// each; receipts/SEQ.tlog-proof; policy, for a cosigned ledger. Status: 0 it is accepted, 1
// it is not, and standard error says why, 2 it could not be asked.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
)

var strangers = map[string]func(context.Context, *ledger) error{
	"mod-note":         modNote,
	"mod-tlog":         modTlog,
	"torchwood-client": torchwoodClient,
	"torchwood-proof":  torchwoodProof,
	"torchwood-policy": torchwoodPolicy,
	"formats":          formatsNote,
	"merkle":           merkleProofs,
	"tessera-client":   tesseraClient,
	"tessera-fsck":     tesseraFsck,
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 || strangers[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: strangers NAME SITE KIT; see main.go")
		os.Exit(2)
	}
	err := ask(strangers[os.Args[1]], os.Args[2], os.Args[3])
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	var network *net.OpError
	var missing *os.PathError
	if errors.As(err, &network) || errors.As(err, &missing) {
		os.Exit(2)
	}
	os.Exit(1)
}

func ask(stranger func(context.Context, *ledger) error, site, kit string) error {
	l, err := newLedger(site, kit)
	if err != nil {
		return err
	}
	return stranger(context.Background(), l)
}
