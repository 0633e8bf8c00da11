"""From tables to figures and pages. The numbers are the tables'; reads no store, imports no torch."""
