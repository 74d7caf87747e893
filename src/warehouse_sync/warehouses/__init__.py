"""Adapters that read a customer's warehouse: one file each, one protocol, one conformance suite."""
