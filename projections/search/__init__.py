"""Finding notes by words: an index of word parts, candidates from it, and their exact order (contract: notes 10)."""
