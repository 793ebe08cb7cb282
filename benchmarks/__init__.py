"""Measurements, each a module that prints its figures and the machine they were made on. Ratios come from one run."""
