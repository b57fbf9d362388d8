"""Whether a request may run here: Caller + request -> Admission, or one clear error (design 4.3). No I/O."""
