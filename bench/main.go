// Command bench measures the kernels of package focal that this machine can run,
// with their rivals and with what the machine can do at most, and makes reports of
// what it has measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"
)

const usage = `usage: go run ./bench [-quick] [-run REGEXP] [-rivals LIST] [-name NAME]
                      [-o FILE] [-benchfmt FILE]
       go run ./bench report [-o report.html] RESULT.json ... [MODEL.json]
       go run ./bench report -benchfmt FILE RESULT.json

The first form measures, from the root of the repository, and prints tables; it
takes two to three minutes and 2 GB of memory, with -quick ten seconds and 1 GB. The
second makes a page of the results of one or several machines, and of a static
model if one is among the files. The third writes a result for benchstat: with old.txt
and new.txt of two results, benchstat old.txt new.txt compares them.
`

func main() {
	os.Exit(run(interruptible(), os.Args[1:], os.Stdout, os.Stderr))
}

// interruptible returns a context that ends when the program is asked to end, so that nothing is left behind.
func interruptible() context.Context {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	return ctx
}

// run runs a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var err error
	if len(args) > 0 && args[0] == "report" {
		err = runReport(args[1:], stdout, stderr)
	} else {
		err = runMeasure(ctx, args, stdout, stderr)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp): // parse has printed the help
		return 0
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "bench: interrupted; nothing has been written")
		return 130
	}
	fmt.Fprintln(stderr, "bench:", err)
	return 2
}

// command returns the command line of arguments, as a shell reads it.
func command(args ...string) string {
	line := "go run ./bench"
	for _, arg := range args {
		if arg == "" || strings.ContainsFunc(arg, special) {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		line += " " + arg
	}
	return line
}

// special reports whether a shell might not leave a character as it is.
func special(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./,:=+@%", r)
}

// newFlags returns an empty set of flags, which prints nothing.
func newFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return flags
}

// parse parses args and prints the help if they ask for it.
func parse(flags *flag.FlagSet, args []string, stderr io.Writer) error {
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stderr, usage, "\n")
		flags.SetOutput(stderr)
		flags.PrintDefaults()
	}
	return err
}
