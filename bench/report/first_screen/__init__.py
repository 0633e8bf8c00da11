"""Write the words of the first screen, and the titles of charts, by rules from the statistics."""
