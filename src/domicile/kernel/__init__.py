"""What every part needs and nothing else: ids, keys' grammar, geography, errors and their one rendering, the clock."""
