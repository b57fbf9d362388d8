"""Files of projects: sealed objects with a name, a purpose and an end."""
