"""Atomic writing and file locks."""
