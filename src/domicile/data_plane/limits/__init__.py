"""Admission -> Reservation: a share of the limits, reserved before a request runs and settled after metering."""
