"""Effects of variants by networks that were trained here: against a null, on haplotypes, and of all of a region."""
