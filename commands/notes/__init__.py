"""What can be done with notes."""
