"""What can be done with courses, the clients' categories."""
