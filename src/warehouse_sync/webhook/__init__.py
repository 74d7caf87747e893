"""Delivers notices: what is in the outbox goes to the one receiver that the operator has named, signed, until it has taken it."""
