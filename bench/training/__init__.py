"""Training: recipes, the one loop, and evaluation. Knows nothing of suites, stores or workers."""
