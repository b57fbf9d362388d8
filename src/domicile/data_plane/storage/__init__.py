"""What a region stores of its projects' content, encrypted."""
