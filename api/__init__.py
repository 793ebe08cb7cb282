"""The REST door: requests become commands and queries, their results become answers."""
