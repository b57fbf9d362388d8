"""The control plane: organizations, projects, keys, billing metadata. No content, ever (contract C07)."""
