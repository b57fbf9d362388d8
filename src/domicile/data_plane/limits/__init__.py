"""Admission -> Reservation: what a request may use, set aside before it runs and settled after it was metered."""
