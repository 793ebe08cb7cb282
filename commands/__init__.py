"""The write side: decisions. A command loads an aggregate from its events, decides, and appends new events."""
