"""Configuration as code: what files declare, what that would change on a server, and changing it."""
