"""The operator's console at /admin/: pages for staff, rendered here, usable without scripts but for live progress."""
