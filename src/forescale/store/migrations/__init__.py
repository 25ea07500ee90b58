"""Alembic's home: how a ledger gets from one revision of its tables to the next."""
