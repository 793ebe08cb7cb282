"""Attachments as lists and the media route see them."""
