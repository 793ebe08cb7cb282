"""What can be done with files that are attached to notes."""
