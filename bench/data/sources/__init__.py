"""Readers of image data sets, one per kind of source."""
