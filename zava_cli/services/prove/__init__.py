"""The proof that nobody sees another store's rows: attacks on the user's own database, compared with the truth."""
