// Command log judges a log's bucket folder and proofs with the reference implementation of tiles and notes.
//
//	log <verifier key> <folder of the log> <folder with *.checkpoint and *.tlog-proof>
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if err := judge(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// open verifies a checkpoint (c2sp.org/tlog-checkpoint).
func open(vkey string, text []byte) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("no checkpoint of this log: %q", opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, err
}

// tiles reads tiles from a folder laid out as c2sp.org/tlog-tiles says.
type tiles struct{ folder string }

func (t tiles) Height() int                     { return 8 }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range want {
		data, err := t.read("tile/"+strings.TrimPrefix(tile.Path(), "tile/8/"), tile.W*tlog.HashSize)
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (t tiles) read(name string, length int) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(t.folder, name))
	if full, _, partial := strings.Cut(name, ".p/"); os.IsNotExist(err) && partial {
		data, err = os.ReadFile(filepath.Join(t.folder, full))
	}
	if err == nil && length >= 0 && len(data) >= length {
		data = data[:length]
	}
	return data, err
}

// leaves reads all entry bundles.
func (t tiles) leaves(size int64) ([][]byte, error) {
	var all [][]byte
	for n := int64(0); n*256 < size; n++ {
		tile := tlog.Tile{H: 8, L: 0, N: n, W: int(min(256, size-n*256))}
		name := "tile/entries/" + strings.TrimPrefix(tile.Path(), "tile/8/0/")
		data, err := t.read(name, -1)
		if err != nil {
			return nil, err
		}
		for len(data) > 0 && int64(len(all)) < size {
			length := int(binary.BigEndian.Uint16(data))
			all = append(all, data[2:2+length])
			data = data[2+length:]
		}
	}
	return all, nil
}

type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, index := range indexes {
		hashes = append(hashes, s[index])
	}
	return hashes, nil
}

func judge(vkey, folder, proofs string) error {
	text, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := open(vkey, text)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, tiles{folder})
	if hash, err := tlog.TreeHash(tree.N, reader); err != nil || hash != tree.Hash {
		return fmt.Errorf("the tiles give %v, the checkpoint says %v: %v", hash, tree.Hash, err)
	}
	leaves, err := tiles{folder}.leaves(tree.N)
	if err != nil {
		return err
	}
	var all stored
	for n, leaf := range leaves {
		hashes, err := tlog.StoredHashes(int64(n), leaf, all)
		if err != nil {
			return err
		}
		all = append(all, hashes...)
	}
	if hash, err := tlog.TreeHash(tree.N, all); err != nil || hash != tree.Hash {
		return fmt.Errorf("the leaves give %v, the checkpoint says %v: %v", hash, tree.Hash, err)
	}

	checkpoints, _ := filepath.Glob(filepath.Join(proofs, "*.checkpoint"))
	for _, name := range checkpoints {
		text, _ := os.ReadFile(name)
		older, err := open(vkey, text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		proof, err := tlog.ProveTree(tree.N, older.N, reader)
		if err == nil {
			err = tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	included, _ := filepath.Glob(filepath.Join(proofs, "*.tlog-proof"))
	for _, name := range included {
		if err := include(vkey, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	fmt.Printf("%d entries, %d checkpoints, %d proofs\n", tree.N, len(checkpoints), len(included))
	return nil
}

// include checks a proof of c2sp.org/tlog-proof whose extra data are the leaf.
func include(vkey, name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	head, checkpoint, ok := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return fmt.Errorf("no tlog-proof")
	}
	leaf, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	tree, err := open(vkey, []byte(checkpoint))
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(leaf))
}
