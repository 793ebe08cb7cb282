"""What the server for assistants asks beside the answers of the areas."""
