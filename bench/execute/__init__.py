"""Where runs happen: one run from its description to its record, and the workers that share a suite's runs."""
