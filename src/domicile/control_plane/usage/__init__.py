"""Usage: the minutes that regions report, and the sums that admins read."""
