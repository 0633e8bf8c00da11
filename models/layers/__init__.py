"""Layers of Transformer encoders: tokenizers, positions, attention, poolings."""
