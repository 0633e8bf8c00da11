"""Atomic files and file locks."""
