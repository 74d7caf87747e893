"""Whose row is it: priorities, guards, and set-based resolution."""
