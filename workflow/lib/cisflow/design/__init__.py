"""Sequences made to order: a network says what to change, constraints what may be, and others what it is worth."""
