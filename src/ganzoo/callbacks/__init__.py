"""Callbacks: what is drawn and recorded on the way, one component a file."""
