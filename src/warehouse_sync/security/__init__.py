"""Tokens, client secrets, the vault for warehouse secrets, redaction."""
