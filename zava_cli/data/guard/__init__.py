"""The SQL guard: wall 1 of the security design. It gives the clear refusal; the database is the boundary."""
