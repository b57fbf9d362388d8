"""`domicile doctor`: finds the faults of an installation and says what to do. It changes nothing."""
