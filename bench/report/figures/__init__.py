"""Draw the figures of a report, one file for each."""
