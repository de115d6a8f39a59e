"""The one error of this package."""


class PublishingError(Exception):
    """Publishing cannot go on. The message says what is wrong and what to do, in words for a person."""
