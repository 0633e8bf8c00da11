"""Distribute the runs of a suite over worker processes, and decide their order."""
