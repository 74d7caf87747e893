"""HTTP: routes, bodies, bearer token to caller, error to status."""
