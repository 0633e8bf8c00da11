"""Names, options and sizes of models. Imports no torch."""
