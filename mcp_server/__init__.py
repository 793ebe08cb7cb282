"""The assistants' door: the same commands and read models over the Model Context Protocol."""
