module github.com/seed1982febc/focal/bench

go 1.25.0

require (
	github.com/klauspost/cpuid/v2 v2.4.2
	github.com/seed1982febc/focal v0.1.0
)

require golang.org/x/sys v0.41.0 // indirect
