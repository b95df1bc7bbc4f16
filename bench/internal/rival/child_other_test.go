//go:build !unix

package rival

// gone cannot tell here.
func gone(int, bool) bool { return true }
