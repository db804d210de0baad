"""What attributions spell: motif discovery, names, hot spots."""
