"""Traits: measures of finished runs beside their accuracy, made later from the weights that the runs kept."""
