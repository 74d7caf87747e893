"""Other tools doing what they can of the same job, each in a process of its own, side by side with ours."""
