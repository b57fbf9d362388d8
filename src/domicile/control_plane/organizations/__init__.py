"""Organizations: who they are and how one begins, which only the operator decides."""
