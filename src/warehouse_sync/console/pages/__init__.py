"""One page, one file: each shows what the API answers and calls its verbs."""
