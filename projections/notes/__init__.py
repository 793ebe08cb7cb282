"""Notes as lists, details and search see them."""
