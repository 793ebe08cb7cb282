"""Sittings of work on notes, as the week and the list see them."""
