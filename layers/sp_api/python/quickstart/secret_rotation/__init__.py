"""Rotation of the application's client secret before it expires."""
