"""Images that are drawn by formula: the fractal corpus and the targets made of it."""
