"""Metering: the ledger of requests, which stays in the region, and the outbox of reports to the control plane."""
