"""Publishes the listings of a spreadsheet (make publish-listings)."""
