"""Metrics: numbers that compare real and generated samples, one component a file."""
