"""Turn records into data frames."""
