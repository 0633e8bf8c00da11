"""Equal tuning: trials of each family and stage at the same points, and the choice among them."""
