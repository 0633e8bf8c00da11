"""Equal tuning: trials of each family and stage at the same points, and what is chosen by them."""
