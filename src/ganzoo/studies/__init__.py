"""Studies: many runs that are compared, planned in one file."""
