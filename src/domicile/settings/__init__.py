"""`domicile.toml`: what an operator says of the installation, read once, checked whole, frozen."""
