// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"fmt"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// torchwoodClient: every entry against the tiles, and these against the head.
func torchwoodClient(ctx context.Context, l *ledger) error {
	tree, err := l.head(ctx)
	if err != nil {
		return err
	}
	fetcher, err := torchwood.NewTileFetcher(l.site)
	if err != nil {
		return err
	}
	reader, err := torchwood.NewClient(fetcher)
	if err != nil {
		return err
	}
	var read int64
	for range reader.AllEntries(ctx, tree, 0) {
		read++
	}
	if reader.Err() != nil {
		return reader.Err()
	}
	if read != tree.N {
		return fmt.Errorf("%d entries of %d", read, tree.N)
	}
	return nil
}

// torchwoodProof: each receipt is a C2SP tlog-proof of its leaf.
func torchwoodProof(_ context.Context, l *ledger) error {
	return l.receipts(func(r receipt) error {
		return torchwood.VerifyProof(l.policy(), tlog.RecordHash(r.leaf), r.text)
	})
}

// torchwoodPolicy: the newest checkpoint has what the kit's policy demands, of
// the log and of its witnesses.
func torchwoodPolicy(ctx context.Context, l *ledger) error {
	text, err := l.kept("policy")
	if err != nil {
		return err
	}
	policy, err := torchwood.ParsePolicy(text)
	if err != nil {
		return err
	}
	signed, err := l.fetcher.ReadCheckpoint(ctx)
	if err != nil {
		return err
	}
	_, _, err = torchwood.VerifyCheckpoint(signed, policy)
	return err
}
