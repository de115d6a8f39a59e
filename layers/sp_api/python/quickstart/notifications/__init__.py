"""Subscriptions of sellers to notifications, and the processing of each notification."""
