// Checker puts questions about our log to Go's own sumdb/note and sumdb/tlog.
//
// It reads one JSON question a line and answers each with one JSON line. No question about a proof
// is answered by code of ours: it opens the note, reads three lines of it, and asks the packages.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

type question struct {
	Ask        string   `json:"ask"`
	Key        string   `json:"key"`
	Checkpoint string   `json:"checkpoint"`
	Old        string   `json:"old"`
	Path       []string `json:"path"`
	Entry      string   `json:"entry"`
	LeafIndex  int64    `json:"leaf_index"`
	Directory  string   `json:"directory"`
	Text       string   `json:"text"`
}

type answer struct {
	Accepted bool       `json:"accepted"`
	Refusal  string     `json:"refusal,omitempty"`
	Note     string     `json:"note,omitempty"`
	Records  [][]string `json:"records,omitempty"`
	Trees    [][]string `json:"trees,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked question
		given := answer{Accepted: true}
		err := json.Unmarshal(lines.Bytes(), &asked)
		if err == nil {
			err = reply(asked, &given)
		}
		if err != nil {
			given = answer{Refusal: err.Error()}
		}
		if err := answers.Encode(given); err != nil {
			os.Exit(1)
		}
	}
	if lines.Err() != nil {
		os.Exit(1)
	}
}

func reply(asked question, given *answer) error {
	switch asked.Ask {
	case "checkpoint":
		_, err := open(asked.Key, asked.Checkpoint)
		return err
	case "inclusion":
		return checkRecord(asked)
	case "consistency":
		return checkTree(asked)
	case "tiles":
		return readTiles(asked, given)
	case "sign":
		return sign(asked, given)
	}
	return fmt.Errorf("no such question: %q", asked.Ask)
}

// open returns the tree a checkpoint describes, if the log of the key signed it.
func open(key, signed string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

func checkRecord(asked question) error {
	tree, err := open(asked.Key, asked.Checkpoint)
	if err != nil {
		return err
	}
	path, err := hashes(asked.Path)
	if err != nil {
		return err
	}
	leaf := tlog.RecordHash([]byte(asked.Entry))
	return tlog.CheckRecord(path, tree.N, tree.Hash, asked.LeafIndex, leaf)
}

func checkTree(asked question) error {
	tree, err := open(asked.Key, asked.Checkpoint)
	if err != nil {
		return err
	}
	old, err := open(asked.Key, asked.Old)
	if err != nil {
		return err
	}
	path, err := hashes(asked.Path)
	if err != nil {
		return err
	}
	return tlog.CheckTree(path, tree.N, tree.Hash, old.N, old.Hash)
}

// published reads C2SP tiles where Go's reader asks for its own: only the height in the path differs.
type published struct{ directory string }

func (p published) Height() int { return tileHeight }

func (p published) SaveTiles([]tlog.Tile, [][]byte) {}

func (p published) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
		content, err := os.ReadFile(filepath.Join(p.directory, path))
		if err != nil {
			return nil, err
		}
		read = append(read, content)
	}
	return read, nil
}

// readTiles checks every entry of a mirrored log against its checkpoint, through Go's tile reader,
// and returns the proofs that Go makes from the same tiles: of each record, and of each older tree.
func readTiles(asked question, given *answer) error {
	tree, err := open(asked.Key, asked.Checkpoint)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, published{asked.Directory})
	entries, err := readEntries(asked.Directory, tree.N)
	if err != nil {
		return err
	}
	for index, entry := range entries {
		n := int64(index)
		stored, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
		if err != nil {
			return err
		}
		if stored[0] != tlog.RecordHash(entry) {
			return fmt.Errorf("entry %d is not the one its tile holds", index)
		}
		record, err := tlog.ProveRecord(tree.N, n, reader)
		if err != nil {
			return err
		}
		older, err := tlog.ProveTree(tree.N, n+1, reader)
		if err != nil {
			return err
		}
		given.Records = append(given.Records, spelled(record))
		given.Trees = append(given.Trees, spelled(older))
	}
	return nil
}

func readEntries(directory string, size int64) ([][]byte, error) {
	var entries [][]byte
	for start := int64(0); start < size; start += 1 << tileHeight {
		bundle := tlog.Tile{H: tileHeight, L: -1, N: start >> tileHeight, W: 1 << tileHeight}
		bundle.W = int(min(int64(bundle.W), size-start))
		path := strings.Replace(bundle.Path(), fmt.Sprintf("tile/%d/data/", tileHeight), "tile/entries/", 1)
		content, err := os.ReadFile(filepath.Join(directory, path))
		if err != nil {
			return nil, err
		}
		for range bundle.W {
			if len(content) < 2 || len(content) < 2+int(binary.BigEndian.Uint16(content)) {
				return nil, fmt.Errorf("%s is cut short", path)
			}
			end := 2 + int(binary.BigEndian.Uint16(content))
			entries = append(entries, content[2:end])
			content = content[end:]
		}
		if len(content) > 0 {
			return nil, fmt.Errorf("%s holds more than it says", path)
		}
	}
	return entries, nil
}

// sign makes a note with a key of Go's own kind, for our reader to open.
func sign(asked question, given *answer) error {
	seed, err := base64.StdEncoding.DecodeString(asked.Key)
	if err != nil {
		return err
	}
	secret, public, err := note.GenerateKey(strings.NewReader(string(seed)), "go.example/log")
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return err
	}
	signed, err := note.Sign(&note.Note{Text: asked.Text}, signer)
	given.Note = public + "\n" + string(signed)
	return err
}

func hashes(path []string) ([]tlog.Hash, error) {
	var read []tlog.Hash
	for _, text := range path {
		raw, err := hex.DecodeString(text)
		if err != nil || len(raw) != tlog.HashSize {
			return nil, fmt.Errorf("%q is no hash", text)
		}
		read = append(read, tlog.Hash(raw))
	}
	return read, nil
}

func spelled(path []tlog.Hash) []string {
	texts := []string{}
	for _, hash := range path {
		texts = append(texts, hex.EncodeToString(hash[:]))
	}
	return texts
}
