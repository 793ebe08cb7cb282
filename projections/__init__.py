"""The read side: tables shaped like the answers, filled by replaying the log. Knows no aggregates."""
