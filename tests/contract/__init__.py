"""Every installed component keeps its promises, and every combination trains or is refused."""
