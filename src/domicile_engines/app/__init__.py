"""The engine as a process: its command line, its listener, its log and the application that it serves."""
