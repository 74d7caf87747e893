"""Warehouse Sync: enrich user profiles from a data warehouse, exactly once."""
