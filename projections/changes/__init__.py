"""What accounts have changed, newest first: read from the log, nothing is stored for it."""
