"""Judge claims on a suite's own tables, by intervals, each with the runs behind it.

`literature` declares the claims of the literature; a suite file may add custom ones. `docs/claims.md` says how they are
judged.
"""
