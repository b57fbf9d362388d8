"""What every process does: at its start no core dumps, enough descriptors, an end with its parent; later, large work beside its
event loop, in fair turns. Standard library only."""
