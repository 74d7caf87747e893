"""Which runs are due, who runs them, and when to try again."""
