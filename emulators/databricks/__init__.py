"""A stub of Databricks' Statement Execution API for tests."""
