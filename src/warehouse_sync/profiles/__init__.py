"""The profile store: what we know of each person, one transaction per chunk of a run."""
