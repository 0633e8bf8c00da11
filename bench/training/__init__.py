"""Training: settings, the one loop, evaluation and probes. Knows nothing of suites, stores or workers."""
