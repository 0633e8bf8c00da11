"""Runs, their keys, and the expansion of a suite into runs and cells. Imports no torch."""
