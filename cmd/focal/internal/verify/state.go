package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
)

// magic begins a saved state. The version changes with what Sweep holds, and
// with how it comes about.
const magic = "focal verify state, version 1\n"

// Save writes the sweep's state: magic, the SHA-256 of the rest, and the rest.
func (s *Sweep) Save(w io.Writer) error {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		return err
	}
	sum := sha256.Sum256(b.Bytes())
	for _, part := range [][]byte{[]byte(magic), sum[:], b.Bytes()} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// Load reads a state that Save wrote for the same plan.
func Load(state []byte, p Plan) (*Sweep, error) {
	rest, ok := bytes.CutPrefix(state, []byte(magic))
	if !ok {
		return nil, fmt.Errorf("not a %q", magic[:len(magic)-1])
	}
	if len(rest) < sha256.Size || sha256.Sum256(rest[sha256.Size:]) != [sha256.Size]byte(rest) {
		return nil, errors.New("damaged")
	}
	s := new(Sweep)
	if err := gob.NewDecoder(bytes.NewReader(rest[sha256.Size:])).Decode(s); err != nil {
		return nil, err
	}
	if d := s.Plan.Differs(p); d != "" {
		return nil, fmt.Errorf("state of another run: %s", d)
	}
	return s, nil
}
