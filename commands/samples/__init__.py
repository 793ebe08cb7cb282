"""The sample courses that a new server shows."""
