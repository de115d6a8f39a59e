"""A local Selling Partner API: Login with Amazon and SP-API over HTTP.

Start it with `sp-api-simulator`, or in a checkout with `python -m sp_api_simulator`. README.md in this folder describes
its addresses and its control API.
"""

VERSION = "1.0.0"
