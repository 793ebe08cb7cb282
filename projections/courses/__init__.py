"""Courses as lists and details see them."""
