"""The harness: plans, trains, measures and reports the comparison of ViTs, CNNs and hybrids."""

PROTOCOL_VERSION = 2
"""Raised when a rule of `docs/protocol.md` changes; rows of different versions are never compared."""
