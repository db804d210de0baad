"""Which bases a model used: raw multipliers of every method, and the scores derived from them."""
