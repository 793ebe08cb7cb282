"""Side effects that follow the log: mail, feeds, expiry. They never run in a rebuild."""
