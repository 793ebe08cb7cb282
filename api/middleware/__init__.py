"""What every request passes through, as plain ASGI, one concern per file."""
