"""What every process does. At its start: no core dumps, enough descriptors, an end with its parent. Later: large work off the
event loop, in fair turns. Standard library only."""
