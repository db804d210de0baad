"""DNA as arrays of codes, and intervals of a genome."""
