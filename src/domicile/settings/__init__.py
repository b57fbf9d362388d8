"""`domicile.toml`: the operator's configuration of the installation. Read once, validated as a whole, immutable."""
