"""procedural-sketch: a rule-based drawing program that answers image requests."""
