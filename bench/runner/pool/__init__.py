"""Decide which process does which run, and when."""
