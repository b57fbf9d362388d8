"""The `domicile` command. It talks HTTP, or starts `python -m domicile.apps.X`."""
