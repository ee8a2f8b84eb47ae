"""The engine: it builds any chosen combination of parts and plays it."""
