"""Conclusions from the ladder of pretraining subsets."""
