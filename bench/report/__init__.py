"""Turn tables into figures and pages. Computes no statistics, reads no store, imports no torch."""
