"""Writes what is told of the API from what the API is: the templates' methods and the functions' own validation."""
