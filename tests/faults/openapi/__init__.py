"""The description of the served API, made from the request's types and the table of routes (docs/openapi.yaml)."""
