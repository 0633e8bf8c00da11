"""Compute statistics on arrays: arrays in, numbers out."""
