"""Image generation by a rule-based drawing program, openly named `procedural-sketch`."""
