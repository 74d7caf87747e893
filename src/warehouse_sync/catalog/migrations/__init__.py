"""The steps from each version of the control database to the next. A released step is never edited."""
