"""Plans as the list, the week, the deadlines and the recycle bin see them."""
