"""The report of recordings beside each other."""
