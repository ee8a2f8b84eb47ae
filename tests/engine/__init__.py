"""The engine: feed, game, checks, runs."""
