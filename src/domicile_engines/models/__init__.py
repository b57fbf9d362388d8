"""One package for each model: its weights and the code that depends on them."""
