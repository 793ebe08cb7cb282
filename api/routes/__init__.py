"""The routes, one file per area; a file here is mounted because it is here (see api/app.py)."""
