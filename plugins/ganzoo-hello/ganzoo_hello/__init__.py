"""ganzoo-hello, a plugin of ganzoo."""
