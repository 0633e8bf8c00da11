"""What the ladder of pretraining subsets shows."""
