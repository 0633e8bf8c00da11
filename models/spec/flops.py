"""How many floating-point operations stand behind a multiply-accumulate."""

FLOPS_PER_MAC = 2
"""Of a forward pass: one multiplication and one addition."""
TRAINING_FLOPS_PER_MAC = 3 * FLOPS_PER_MAC
"""Of a training step, whose backward pass costs twice its forward pass."""
