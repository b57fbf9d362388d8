"""One package for each model: its weights, and all that depends on them."""
