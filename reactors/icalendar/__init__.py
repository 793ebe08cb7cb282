"""Reading iCalendar (RFC 5545) as the world writes it: component by component, in a process of its own."""
