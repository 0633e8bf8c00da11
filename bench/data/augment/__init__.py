"""Augmentation of whole batches in which every image has draws of its own.

Each module holds one kind of it in two halves: `draw`, which makes plain arrays out of one hash an image, for any
positions of the order at once, and what applies these arrays to a batch. So nothing depends on the batch an image is
in, and torch's generators are never asked. Kernels are torchvision's, or give what its functions give for one image.
"""
