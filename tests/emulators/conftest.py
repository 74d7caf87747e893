from tests.fixtures.snowflake import snowflake

__all__ = ["snowflake"]
