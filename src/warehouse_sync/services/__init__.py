"""The verbs customers have. Authorisation and transactions begin here."""
