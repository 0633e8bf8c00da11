"""Augmentation of whole batches, with separate random draws for each image.

Each module has one kind of augmentation in two steps. `draw` turns one hash per image into NumPy arrays, and another
function applies these arrays to a batch. The result therefore does not depend on the batch, and torch's random
generators are not used. Kernels are torchvision's, or give the same result as its functions for one image.
"""
