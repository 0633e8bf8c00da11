"""Draw conclusions from tables: tables in, tables and frozen dataclasses out. Reads no file, imports no torch."""
