"""The log and its vocabulary: event classes, append, load, follow, forget, archive. No rule of any area."""
