"""A client of Amazon's Selling Partner API.

It covers SP-API and Login with Amazon, and is independent of AWS services and of the application that uses it.

It neither sleeps nor starts threads: it reports a wait (`errors.ThrottledError.retry_after`) but does not wait itself.
"""
