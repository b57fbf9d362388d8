"""Projects: born in one region, where they stay (C09 to C11)."""
