"""The contract's table as data: which endpoint serves which model snapshot in which region, and the rule of each parameter."""
