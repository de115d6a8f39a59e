"""This application's AWS side: tokens, ledger, notifications and delivery.

It imports `sp_api`; `sp_api` knows nothing of it.
"""
