// Judges a published log with golang.org/x/mod/sumdb, which shares nothing with songda.
//
// go run ledger.go FOLDER VKEY WITNESS: the folder holds checkpoint, older, claims.json and tile/…
// Prints one line for each thing that holds; the first that does not ends it with status 1.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type claims struct {
	Index       int64
	Entry       []byte
	RecordProof [][]byte
	TreeProof   [][]byte
}

func main() {
	folder, vkey, witness := os.Args[1], os.Args[2], os.Args[3]
	log, err := note.NewVerifier(vkey)
	must("vkey", err)
	tree := open(filepath.Join(folder, "checkpoint"), log, witness)
	older := open(filepath.Join(folder, "older"), log, "")

	var said claims
	content, err := os.ReadFile(filepath.Join(folder, "claims.json"))
	must("claims", err)
	must("claims", json.Unmarshal(content, &said))
	leaf := tlog.RecordHash(said.Entry)
	must("our record proof", tlog.CheckRecord(hashes(said.RecordProof), tree.N, tree.Hash, said.Index, leaf))
	must("our tree proof", tlog.CheckTree(hashes(said.TreeProof), tree.N, tree.Hash, older.N, older.Hash))
	fmt.Println("our proofs hold")

	reader := tlog.TileHashReader(tree, files(folder))
	record, err := tlog.ProveRecord(tree.N, said.Index, reader)
	must("tiles", err)
	must("record proof", tlog.CheckRecord(record, tree.N, tree.Hash, said.Index, leaf))
	growth, err := tlog.ProveTree(tree.N, older.N, reader)
	must("tiles", err)
	must("tree proof", tlog.CheckTree(growth, tree.N, tree.Hash, older.N, older.Hash))
	fmt.Println("the tiles hold")
}

func must(what string, err error) {
	if err != nil {
		fmt.Printf("%s: %v\n", what, err)
		os.Exit(1)
	}
}

func open(path string, log note.Verifier, witness string) tlog.Tree {
	content, err := os.ReadFile(path)
	must("checkpoint", err)
	verifiers := []note.Verifier{log}
	if witness != "" {
		verifiers = append(verifiers, cosigner(witness))
	}
	signed, err := note.Open(content, note.VerifierList(verifiers...))
	must("note", err)
	if len(signed.Sigs) != len(verifiers) {
		must("note", fmt.Errorf("%d signatures of %d", len(signed.Sigs), len(verifiers)))
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != log.Name() {
		must("checkpoint", fmt.Errorf("not three lines of %s", log.Name()))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must("size", err)
	root, err := tlog.ParseHash(lines[2])
	must("root", err)
	fmt.Printf("signed by %d: %d\n", len(signed.Sigs), size)
	return tlog.Tree{N: size, Hash: root}
}

func hashes(raw [][]byte) []tlog.Hash {
	var made []tlog.Hash
	for _, each := range raw {
		made = append(made, tlog.Hash(*(*[32]byte)(each)))
	}
	return made
}

// A witness (C2SP tlog-cosignature): x/mod does not know this kind of key.
type witnessKey struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func cosigner(vkey string) note.Verifier {
	parts := strings.SplitN(vkey, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	must("witness", err)
	digest := sha256.Sum256(append([]byte(parts[0]+"\n"), raw...))
	return witnessKey{parts[0], binary.BigEndian.Uint32(digest[:]), ed25519.PublicKey(raw[1:])}
}

func (w witnessKey) Name() string    { return w.name }
func (w witnessKey) KeyHash() uint32 { return w.hash }
func (w witnessKey) Verify(text, signature []byte) bool {
	if len(signature) != 72 {
		return false
	}
	seconds := binary.BigEndian.Uint64(signature)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", seconds, text)
	return ed25519.Verify(w.key, []byte(message), signature[8:])
}

// Tiles from files; x/mod names the height in their paths, which C2SP has fixed at 8.
type files string

func (f files) Height() int                             { return 8 }
func (f files) SaveTiles(tiles []tlog.Tile, _ [][]byte) {}
func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		content, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return nil, err
		}
		read = append(read, content)
	}
	return read, nil
}
