"""A local BigQuery for tests, in an environment of its own."""
