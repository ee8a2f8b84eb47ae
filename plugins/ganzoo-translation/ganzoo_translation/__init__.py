"""Pictures from pictures, as plugins of ganzoo."""
