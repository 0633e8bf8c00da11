"""Define the names, options and sizes of models. Imports no torch."""
