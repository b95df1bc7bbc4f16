// Command focal computes the binary focal loss of stored detector outputs, says
// which of the library's kernels this machine runs, and checks a kernel at every
// logit there is.
//
//	focal loss head.npy labels.npy
//	focal info
//	focal verify
//
// Every failure is one line on standard error and exit status 2, but for focal
// verify, whose usage explains 1 and 130.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
)

// A command is one subcommand. Its run takes the arguments after its name and
// returns flag.ErrHelp to have its usage printed.
type command struct {
	name  string
	usage string
	run   func(args []string, stdout io.Writer) error
}

var commands = []command{
	{"loss", lossUsage, runLoss},
	{"info", infoUsage, runInfo},
	{"verify", verifyUsage, runVerify},
}

// A statusError is a failure with an exit status of its own.
type statusError struct {
	status int
	text   string
}

func (e statusError) Error() string { return e.text }

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	who, err := dispatch(args, stdout)
	if err != nil {
		line := who + ": " + oneLine(err.Error())
		// Whose error it is has been said.
		fmt.Fprintln(stderr, strings.Replace(line, ": focal: ", ": ", 1))
		var own statusError
		if errors.As(err, &own) {
			return own.status
		}
		return 2
	}
	return 0
}

// dispatch runs the subcommand that args name; who is the name its error
// should be reported under.
func dispatch(args []string, stdout io.Writer) (who string, err error) {
	if len(args) == 0 {
		return "focal", fmt.Errorf("want a subcommand: %s (focal -h explains)", names())
	}
	switch args[0] {
	case "help":
		if len(args) > 1 {
			return dispatch([]string{args[1], "-h"}, stdout)
		}
		fallthrough
	case "-h", "-help", "--help":
		for _, c := range commands {
			if _, err := fmt.Fprintln(stdout, c.usage); err != nil {
				return "focal", err
			}
		}
		return "focal", nil
	}
	for _, c := range commands {
		if c.name != args[0] {
			continue
		}
		err := c.run(args[1:], stdout)
		if errors.Is(err, flag.ErrHelp) {
			_, err = fmt.Fprint(stdout, c.usage)
		}
		return "focal " + c.name, err
	}
	return "focal", fmt.Errorf("unknown subcommand %q: want %s", args[0], names())
}

func names() string {
	var s []string
	for _, c := range commands {
		s = append(s, c.name)
	}
	return strings.Join(s, " or ")
}

// oneLine keeps the promise of one line per error whatever a file's name or
// header holds: control characters, newlines among them, are escaped.
func oneLine(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) {
			fmt.Fprintf(&b, `\x%02x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
