"""Write the sections of a report, one file for each topic."""
