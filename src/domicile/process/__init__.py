"""What every process does at its start: no core dumps, enough descriptors, an end with its parent. Standard library only."""
