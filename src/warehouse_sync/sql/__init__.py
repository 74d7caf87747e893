"""The customer's SELECT: is it one read-only query, and how is it wrapped. A tree, never pasted text."""
