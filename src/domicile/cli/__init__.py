"""The `domicile` command. It calls running processes over HTTP or starts them. It does not import their code."""
