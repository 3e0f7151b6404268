// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"filippo.io/torchwood"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A ledger as its readers have it: a site and what they kept of it.
type ledger struct {
	kit     string
	site    string
	fetcher *client.HTTPFetcher
	keys    []note.Verifier // the newest last
}

func newLedger(site, kit string) (*ledger, error) {
	root, err := url.Parse(strings.TrimSuffix(site, "/") + "/")
	if err != nil {
		return nil, err
	}
	fetcher, err := client.NewHTTPFetcher(root, http.DefaultClient)
	if err != nil {
		return nil, err
	}
	l := &ledger{kit: kit, site: strings.TrimSuffix(site, "/"), fetcher: fetcher}
	text, err := l.kept("vkey")
	if err != nil {
		return nil, err
	}
	for _, vkey := range strings.Fields(string(text)) {
		key, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("vkey: %w", err)
		}
		l.keys = append(l.keys, key)
	}
	return l, nil
}

func (l *ledger) kept(name string) ([]byte, error) { return os.ReadFile(filepath.Join(l.kit, name)) }

func (l *ledger) key() note.Verifier { return l.keys[len(l.keys)-1] }

func (l *ledger) policy() torchwood.Policy {
	var anyOf []torchwood.Policy
	for _, key := range l.keys {
		anyOf = append(anyOf, torchwood.SingleVerifierPolicy(key))
	}
	return torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(l.key().Name()), torchwood.ThresholdPolicy(1, anyOf...))
}

// head is the tree of the site's checkpoint, its signature checked.
func (l *ledger) head(ctx context.Context) (tlog.Tree, error) {
	signed, err := l.fetcher.ReadCheckpoint(ctx)
	if err != nil {
		return tlog.Tree{}, err
	}
	return l.tree(signed)
}

func (l *ledger) tree(signed []byte) (tlog.Tree, error) {
	checkpoint, _, err := torchwood.VerifyCheckpoint(signed, l.policy())
	return checkpoint.Tree, err
}

// records is which are looked at one by one, below size.
func (l *ledger) records(size int64) ([]int64, error) {
	text, err := l.kept("records")
	if err != nil {
		return nil, err
	}
	var records []int64
	for _, word := range strings.Fields(string(text)) {
		seq, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return nil, err
		}
		if seq < size {
			records = append(records, seq)
		}
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("no record to look at")
	}
	return records, nil
}

// A receipt taken apart for those that want its parts.
type receipt struct {
	text       []byte // all of it
	leaf       []byte
	index      uint64
	path       [][]byte
	checkpoint []byte
}

// receipts calls take with each.
func (l *ledger) receipts(take func(receipt) error) error {
	files, err := filepath.Glob(filepath.Join(l.kit, "receipts", "*.tlog-proof"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no receipts: %w", os.ErrNotExist)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		r, err := parseReceipt(text)
		if err == nil {
			err = take(r)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
	}
	return nil
}

func parseReceipt(text []byte) (r receipt, err error) {
	r.text = text
	head, checkpoint, found := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return r, fmt.Errorf("not a tlog-proof with extra data")
	}
	r.checkpoint = checkpoint
	if r.leaf, err = leafOf(lines[1]); err != nil {
		return r, err
	}
	if r.index, err = strconv.ParseUint(strings.TrimPrefix(lines[2], "index "), 10, 63); err != nil {
		return r, err
	}
	for _, line := range lines[3:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return r, err
		}
		r.path = append(r.path, hash)
	}
	return r, nil
}

func leafOf(line string) ([]byte, error) {
	extra, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "extra "))
	if err != nil {
		return nil, err
	}
	var parts struct{ Leaf string }
	err = json.Unmarshal(extra, &parts)
	return []byte(parts.Leaf), err
}
