"""Listings: submissions, their order per SKU, and their outcomes."""
