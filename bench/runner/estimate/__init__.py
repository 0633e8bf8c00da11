"""Estimate how long a suite will take."""
