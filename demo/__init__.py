"""The demonstration: a sample shop in a local Snowflake, and the main job done on it through the HTTP API."""
