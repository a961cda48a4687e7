"""The ledger: what was ordered, filled, paid, decided and asked, in SQLite or PostgreSQL. Nothing waits for it."""
