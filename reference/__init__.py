"""Generates the API's documents from the templates' methods and the functions' own validation."""
