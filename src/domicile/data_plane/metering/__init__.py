"""What was used, by whom: the ledger that stays in the region, and the outbox of what is reported upward."""
