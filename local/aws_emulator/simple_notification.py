"""SNS."""

from __future__ import annotations

import inspect
import logging
import smtplib
import threading
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid
from typing import Any

from ministack.services import sns

from aws_emulator.patching import wrap

logger = logging.getLogger(__name__)

SENDER = "AWS Notifications <no-reply@sns.amazonaws.com>"
DEFAULT_SUBJECT = "AWS Notification Message"


def notifications_reach_mailboxes(smtp_port: int) -> None:
    """SNS sends a message to a topic's e-mail subscriptions, its own text for e-mail when MessageStructure is json;
    ministack only logs. They are sent to the SMTP server on the loopback port. A subscription needs no confirmation."""

    @wrap(sns, "_fanout", "984cdd91d64a")
    def fan_out(original: Any, *arguments: Any, **options: Any) -> None:
        original(*arguments, **options)
        publication = inspect.signature(original).bind(*arguments, **options)
        publication.apply_defaults()
        for mail in _mails(publication.arguments):
            threading.Thread(target=_send, args=(mail, smtp_port), daemon=True).start()


def _mails(publication: dict[str, Any]) -> list[EmailMessage]:
    """A message for each e-mail subscription whose filter lets it pass. The publication: the arguments of _fanout()."""
    topic = sns._topic_by_arn_any_scope(publication["topic_arn"]) or {"subscriptions": []}
    text = sns._resolve_message_for_protocol(publication["message"], publication["message_structure"], "email")
    attributes = publication["message_attributes"] or {}
    return [
        _mail(subscription["endpoint"], publication["subject"] or DEFAULT_SUBJECT, text)
        for subscription in topic["subscriptions"]
        if subscription["protocol"] == "email" and sns._matches_filter_policy(subscription, attributes, text)
    ]


def _mail(address: str, subject: str, text: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = SENDER
    mail["To"] = address
    mail["Subject"] = subject
    mail["Date"] = format_datetime(localtime())
    mail["Message-ID"] = make_msgid(domain="sns.amazonaws.com")
    mail.set_content(text)
    return mail


def _send(mail: EmailMessage, smtp_port: int) -> None:
    try:
        with smtplib.SMTP("127.0.0.1", smtp_port, timeout=5) as connection:
            connection.send_message(mail)
    except OSError as error:  # smtplib's own errors are OSError too
        logger.warning("An e-mail to %s was not delivered: %s", mail["To"], error)
