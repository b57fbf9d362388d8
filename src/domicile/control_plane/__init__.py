"""The control plane: organizations, agreements, projects, keys, usage and audit. No content of any request, ever."""
