"""Images whose outline and texture are drawn by formula, each from a class of its own."""
