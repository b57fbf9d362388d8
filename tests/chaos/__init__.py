"""Bad days: processes are killed, paused and starved while traffic runs. `make test-long`, and a short form in `make test`."""
