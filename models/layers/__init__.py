"""Define the layers of Transformer encoders: tokenizers, positions, attention, poolings."""
