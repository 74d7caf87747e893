"""The control database: resources, runs, credentials, audit."""
