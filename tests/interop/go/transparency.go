// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	formats "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
)

func (l *ledger) parse(signed []byte) (*formats.Checkpoint, error) {
	checkpoint, _, _, err := formats.ParseCheckpoint(signed, l.key().Name(), l.key())
	return checkpoint, err
}

// formatsNote: transparency-dev/formats parses the newest checkpoint.
func formatsNote(ctx context.Context, l *ledger) error {
	signed, err := l.fetcher.ReadCheckpoint(ctx)
	if err != nil {
		return err
	}
	_, err = l.parse(signed)
	return err
}

// merkleProofs: transparency-dev/merkle follows the paths of receipts, and the
// ledger's own proof from the early checkpoint to the kept one.
func merkleProofs(_ context.Context, l *ledger) error {
	err := l.receipts(func(r receipt) error {
		checkpoint, err := l.parse(r.checkpoint)
		if err != nil {
			return err
		}
		leaf := rfc6962.DefaultHasher.HashLeaf(r.leaf)
		return proof.VerifyInclusion(rfc6962.DefaultHasher, r.index, checkpoint.Size, leaf, r.path, checkpoint.Hash)
	})
	if err != nil {
		return err
	}
	return consistency(l)
}

func consistency(l *ledger) error {
	var heads [2]*formats.Checkpoint
	for i, name := range []string{"early", "checkpoint"} {
		signed, err := l.kept(name)
		if err != nil {
			return err
		}
		if heads[i], err = l.parse(signed); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	text, err := l.kept("consistency.json")
	if err != nil {
		return err
	}
	var answer struct{ Hashes [][]byte }
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	return proof.VerifyConsistency(rfc6962.DefaultHasher, heads[0].Size, heads[1].Size, answer.Hashes, heads[0].Hash, heads[1].Hash)
}

// tesseraClient: Tessera's client goes on from the early checkpoint to the
// newest, and proves records from tiles.
func tesseraClient(ctx context.Context, l *ledger) error {
	early, err := l.kept("early")
	if err != nil {
		return err
	}
	consensus := client.UnilateralConsensus(l.fetcher.ReadCheckpoint)
	tracker, err := client.NewLogStateTracker(ctx, l.fetcher.ReadTile, early, l.key(), l.key().Name(), consensus)
	if err != nil {
		return err
	}
	if _, _, _, err := tracker.Update(ctx); err != nil {
		return err
	}
	return provesRecords(ctx, l, tracker.Latest())
}

func provesRecords(ctx context.Context, l *ledger, head formats.Checkpoint) error {
	builder, err := client.NewProofBuilder(ctx, head.Size, l.fetcher.ReadTile)
	if err != nil {
		return err
	}
	records, err := l.records(int64(head.Size))
	if err != nil {
		return err
	}
	for _, seq := range records {
		leaf, err := l.entry(ctx, uint64(seq), head.Size)
		if err != nil {
			return err
		}
		path, err := builder.InclusionProof(ctx, uint64(seq))
		if err != nil {
			return err
		}
		hash := rfc6962.DefaultHasher.HashLeaf(leaf)
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(seq), head.Size, hash, path, head.Hash); err != nil {
			return fmt.Errorf("record %d: %w", seq, err)
		}
	}
	return nil
}

// tesseraFsck: Tessera's check of a whole log makes every tile anew out of the
// entries. Where a tile is not the one that it made, it may say so in its
// status and then wait for ever: the workers have ended that it hands more to.
func tesseraFsck(ctx context.Context, l *ledger) error {
	check := fsck.New(l.key().Name(), l.key(), l.fetcher, leafHashes, fsck.Opts{N: 2})
	done := make(chan error, 1)
	go func() { done <- check.Check(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(100 * time.Millisecond):
			if err := invalid(check.Status()); err != nil {
				return err
			}
		}
	}
}

func invalid(status fsck.Status) error {
	for level, ranges := range status.TileRanges {
		for _, r := range ranges {
			if r.State == fsck.Invalid || r.State == fsck.FetchError {
				return fmt.Errorf("tile/%d: %s", level, r.String())
			}
		}
	}
	return nil
}

func leafHashes(text []byte) ([][]byte, error) {
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(text); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, leaf := range bundle.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(leaf))
	}
	return hashes, nil
}
