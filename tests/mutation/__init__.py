"""Each rule switched off in turn: a test must fail. Run by `make test-long`."""
