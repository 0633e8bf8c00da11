"""Specify the interactive charts of a report in Vega-Lite, one file for each; every number comes from a table."""
