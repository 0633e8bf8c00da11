"""From tables to figures and pages. Computes no number of its own, reads no store, imports no torch."""
