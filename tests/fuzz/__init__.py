"""Every parser of strangers' files under a fuzzer that is guided by coverage: `make fuzz`, docs/fuzzing.md."""
