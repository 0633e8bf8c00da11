"""Images of pen strokes that are drawn by formula: a corpus, and a target of held-out classes."""
