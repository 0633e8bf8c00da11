"""Define the number of floating-point operations per multiply-accumulate."""

FLOPS_PER_MAC = 2
"""Operations of a forward pass: one multiplication and one addition."""
TRAINING_FLOPS_PER_MAC = 3 * FLOPS_PER_MAC
"""Operations of a training step, whose backward pass costs twice its forward pass."""
