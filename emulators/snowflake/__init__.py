"""A local Snowflake: speaks the wire protocol of the real connectors, for tests and demonstrations."""
