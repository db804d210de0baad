"""Effects of motifs: what a network's output gains where one, or two of them, are put into a sequence."""
