"""A local Selling Partner API: Login with Amazon, Reports, Notifications, Solicitations, Tokens and Application
Management over HTTP.

Start it with `python -m sp_api_simulator`. README.md beside this file describes its addresses and its control API.
"""
