"""Execute runs: everything between a run's description and its record."""
