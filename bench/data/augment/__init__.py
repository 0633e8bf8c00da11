"""Augmentation of whole batches, with individual draws for every image.

Each module holds one kind of augmentation in two halves. `draw` makes plain arrays out of one hash per image; another
function applies these arrays to a batch. The result therefore does not depend on the batch, and torch's random
generators are not used. Kernels are torchvision's, or give the same result as its functions for one image.
"""
