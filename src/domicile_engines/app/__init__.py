"""The engine process: its command line, listener, log and application."""
