"""The six systems, held against straight-line loops."""
