"""Files: one format a module, without biology."""
