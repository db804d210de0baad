"""What attributions spell: motif discovery, names, seqlets."""
