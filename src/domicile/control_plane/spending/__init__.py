"""Spending: what projects have spent in a month, hard limits, and alerts."""
