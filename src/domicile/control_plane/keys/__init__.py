"""Keys: those of service accounts, which call a region, and those of admins, which call this plane."""
