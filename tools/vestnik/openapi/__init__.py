"""Assembles the OpenAPI document of the public door from the services' own routes, schemas and errors."""
