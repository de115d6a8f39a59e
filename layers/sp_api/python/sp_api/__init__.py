"""A client of Amazon's Selling Partner API.

It knows SP-API and Login with Amazon, and nothing of the AWS services and the application around it.

It neither sleeps nor starts threads: a wait is reported (`errors.ThrottledError.retry_after`), never taken.
"""
