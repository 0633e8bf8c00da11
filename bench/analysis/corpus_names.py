"""Name what stands in place of a corpus. Imports nothing, so that planning a suite stays quick."""

SCRATCH = "none"
"""In place of a corpus, in rows that were not pretrained."""
