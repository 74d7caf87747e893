"""One run, from probe to apply. Knows neither HTTP nor the control database."""
