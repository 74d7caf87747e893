"""Development and production: two disjoint pools of profiles in one workspace (decision D11)."""

from __future__ import annotations

from enum import StrEnum


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"
