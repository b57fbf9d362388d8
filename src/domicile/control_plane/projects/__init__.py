"""Projects. Each is created in one region and stays there (C09 to C11)."""
