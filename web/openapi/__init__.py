"""The API as an OpenAPI document: made from the table of routes, the models that read requests and those of answers."""
