"""Calendar feeds and secret calendar addresses, and the calendar that is given out."""
