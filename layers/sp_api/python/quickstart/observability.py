"""Structured logs of every function, in one shape."""

from functools import cache

from aws_lambda_powertools import Logger


@cache
def logger() -> Logger:
    """The function's logger, made when first needed; its service name and level come from POWERTOOLS_* variables."""
    return Logger()
