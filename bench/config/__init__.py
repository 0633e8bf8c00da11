"""What a person asks for: suites, recipes and claims, validated. Imports no torch."""
