"""Plans: what is to be done when, and whether it was done."""
