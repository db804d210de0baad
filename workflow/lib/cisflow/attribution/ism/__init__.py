"""In silico mutagenesis: exact, and by Taylor expansion."""
