"""The exception of this package."""


class PublishingError(Exception):
    """Publishing failed. The message for the user says what is wrong and what to do."""
