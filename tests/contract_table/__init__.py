"""The table of docs/contract.md: each line of the contract, the tests that show it, and what they observed."""
