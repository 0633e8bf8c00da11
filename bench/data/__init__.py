"""Corpora to pretrain on, targets to transfer to, and their batches.

Names, sizes, splits and hashes are computed without torch, so that planning does not import it. Only augmentation, the
loaders and `to_device` import it.
"""
