"""Calendars that are read in, and the secret addresses under which the own one is given out."""
