"""Calendars of the outside world: reading their texts, fetching subscribed ones, keeping what they hold ready for the week."""
