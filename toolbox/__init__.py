"""What assistants are offered: tools, prompts and the manual, as plain data that both servers read."""
