"""A whole installation as separate processes, for tests: control plane, regions, and engines that are small real servers."""
