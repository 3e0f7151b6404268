// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// modNote: golang.org/x/mod/sumdb/note opens the newest checkpoint.
func modNote(ctx context.Context, l *ledger) error {
	signed, err := l.fetcher.ReadCheckpoint(ctx)
	if err != nil {
		return err
	}
	_, err = note.Open(signed, note.VerifierList(l.keys...))
	return err
}

// modTlog: golang.org/x/mod/sumdb/tlog, which reads tiles of hashes as the Go
// command does, finds records in the tree, and the early tree in this one.
func modTlog(ctx context.Context, l *ledger) error {
	tree, err := l.head(ctx)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, tiles{ctx, l.fetcher})
	records, err := l.records(tree.N)
	if err != nil {
		return err
	}
	for _, seq := range records {
		if err := recordIsIn(ctx, l, tree, seq, reader); err != nil {
			return fmt.Errorf("record %d: %w", seq, err)
		}
	}
	return earlyIsIn(l, tree, reader)
}

func recordIsIn(ctx context.Context, l *ledger, tree tlog.Tree, seq int64, reader tlog.HashReader) error {
	leaf, err := l.entry(ctx, uint64(seq), uint64(tree.N))
	if err != nil {
		return err
	}
	proof, err := tlog.ProveRecord(tree.N, seq, reader)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, seq, tlog.RecordHash(leaf))
}

func earlyIsIn(l *ledger, tree tlog.Tree, reader tlog.HashReader) error {
	signed, err := l.kept("early")
	if err != nil {
		return err
	}
	early, err := l.tree(signed)
	if err != nil {
		return fmt.Errorf("early: %w", err)
	}
	proof, err := tlog.ProveTree(tree.N, early.N, reader)
	if err != nil {
		return fmt.Errorf("early: %w", err)
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, early.N, early.Hash)
}

// entry is a record's leaf, out of its bundle.
func (l *ledger) entry(ctx context.Context, seq, size uint64) ([]byte, error) {
	var bundle api.EntryBundle
	bundle, err := client.GetEntryBundle(ctx, l.fetcher.ReadEntryBundle, seq/256, size)
	if err != nil {
		return nil, err
	}
	if seq%256 >= uint64(len(bundle.Entries)) {
		return nil, fmt.Errorf("the bundle ends before it")
	}
	return bundle.Entries[seq%256], nil
}

// tiles is a tlog.TileReader over HTTP, which keeps nothing.
type tiles struct {
	ctx     context.Context
	fetcher *client.HTTPFetcher
}

func (t tiles) Height() int                     { return 8 }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range wanted {
		if tile.H != 8 || tile.L < 0 {
			return nil, fmt.Errorf("no tile of hashes: %s", strings.TrimSpace(tile.Path()))
		}
		hashes, err := t.fetcher.ReadTile(t.ctx, uint64(tile.L), uint64(tile.N), uint8(tile.W%256))
		if err != nil {
			return nil, err
		}
		read = append(read, hashes)
	}
	return read, nil
}
