"""The `domicile` command. It talks HTTP to running processes, or starts them; it imports none of them."""
