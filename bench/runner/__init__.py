"""Carry out runs: everything between a run's description and its record."""
