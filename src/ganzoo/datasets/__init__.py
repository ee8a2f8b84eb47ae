"""Data sets: where the real samples come from, one component a file."""
