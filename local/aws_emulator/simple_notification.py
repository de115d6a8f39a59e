"""SNS."""

from __future__ import annotations

import inspect
import logging
import re
import smtplib
import threading
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid
from typing import Any
from urllib.parse import urlencode

from ministack.core.responses import new_uuid
from ministack.services import sns
from ministack.services.cloudformation import provisioners

from aws_emulator.patching import wrap

logger = logging.getLogger(__name__)

SENDER = "AWS Notifications <no-reply@sns.amazonaws.com>"
INVOKE_URL = re.compile(r"https://(\w+)\.execute-api\.[\w-]+\.amazonaws\.com/")
DEFAULT_SUBJECT = "AWS Notification Message"
CONFIRMATION_SUBJECT = "AWS Notification - Subscription Confirmation"
TOPIC_HANDLERS = provisioners._RESOURCE_HANDLERS["AWS::SNS::Topic"]
SUBSCRIPTION_HANDLERS = provisioners._RESOURCE_HANDLERS["AWS::SNS::Subscription"]


def notifications_reach_mailboxes(smtp_port: int) -> None:
    """SNS sends a message to the e-mail subscriptions of its topic, with a separate text for e-mail if MessageStructure
    is json; ministack only logs it. Here e-mails go to the SMTP server on the localhost port. Where an e-mail names the
    address of an API, it has the address at which the emulator answers."""

    @wrap(sns, "_fanout", "984cdd91d64a")
    def fan_out(original: Any, *arguments: Any, **options: Any) -> None:
        original(*arguments, **options)
        publication = inspect.signature(original).bind(*arguments, **options)
        publication.apply_defaults()
        for mail in _mails(publication.arguments):
            _send_soon(mail, smtp_port)


def email_subscriptions_wait_for_confirmation(smtp_port: int) -> None:
    """An e-mail subscription is pending until somebody opens the link in SNS's confirmation e-mail. Until then, SNS
    sends no other e-mail, and lists show PendingConfirmation instead of the ARN; ministack confirms it at once."""

    def request_confirmation(topic_arn: str) -> None:
        topic = sns._topics[topic_arn]
        for subscription in topic["subscriptions"]:
            if subscription["protocol"] == "email" and "confirmation_sent" not in subscription:
                subscription.update(confirmation_sent=True, confirmed=False, token=new_uuid())
                subscription["attributes"]["PendingConfirmation"] = "true"
                _send_soon(_confirmation(subscription), smtp_port)
        sns._refresh_subscription_counts(topic)

    @wrap(sns, "_subscribe", "db260c543268")
    def subscribe(original: Any, parameters: dict[str, Any]) -> Any:
        status, headers, body = original(parameters)
        if status == 200:
            topic_arn = sns._normalize_arn(sns._p(parameters, "TopicArn"))
            request_confirmation(topic_arn)
            if sns._p(parameters, "ReturnSubscriptionArn") != "true":
                body = _without_pending_arns(topic_arn, body, "pending confirmation")
        return status, headers, body

    @wrap(TOPIC_HANDLERS, "create", "0a96666a036a")
    def create_topic(original: Any, *arguments: Any) -> Any:
        topic_arn, attributes = original(*arguments)
        request_confirmation(topic_arn)
        return topic_arn, attributes

    @wrap(TOPIC_HANDLERS, "update", "a29cbf08e7b5")
    def update_topic(original: Any, *arguments: Any) -> Any:
        topic_arn, attributes = original(*arguments)
        request_confirmation(topic_arn)
        return topic_arn, attributes

    @wrap(SUBSCRIPTION_HANDLERS, "create", "1d35ffdfbb89")
    def create_subscription(original: Any, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        created = original(logical_id, properties, stack)
        request_confirmation(properties["TopicArn"])
        return created

    @wrap(sns, "_list_subscriptions_by_topic", "02119f3da935")
    def list_by_topic(original: Any, parameters: dict[str, Any]) -> Any:
        status, headers, body = original(parameters)
        topic_arn = sns._normalize_arn(sns._p(parameters, "TopicArn"))
        return status, headers, _without_pending_arns(topic_arn, body, "PendingConfirmation")

    @wrap(sns, "_list_subscriptions", "03d4e93081a0")
    def list_all(original: Any, parameters: dict[str, Any]) -> Any:
        status, headers, body = original(parameters)
        for topic in sns._topics.values():
            body = _without_pending_arns(topic["arn"], body, "PendingConfirmation")
        return status, headers, body


def _without_pending_arns(topic_arn: str, body: bytes, instead: str) -> bytes:
    topic = sns._topic_by_arn_any_scope(topic_arn) or {"subscriptions": []}
    for subscription in topic["subscriptions"]:
        if not subscription["confirmed"]:
            arn = f"<SubscriptionArn>{subscription['arn']}</SubscriptionArn>"
            body = body.replace(arn.encode(), f"<SubscriptionArn>{instead}</SubscriptionArn>".encode())
    return body


def _confirmation(subscription: dict[str, Any]) -> EmailMessage:
    topic_arn = subscription["topic_arn"]
    query = urlencode({"Action": "ConfirmSubscription", "TopicArn": topic_arn, "Token": subscription["token"]})
    link = f"http://127.0.0.1:{sns._PORT}/?{query}"
    text = f"This address was subscribed to the topic {topic_arn}\n\nTo confirm, open\n{link}\n"
    return _mail(subscription["endpoint"], CONFIRMATION_SUBJECT, text)


def _mails(publication: dict[str, Any]) -> list[EmailMessage]:
    """An e-mail for each subscription whose filter policy matches. `publication` has the arguments of _fanout()."""
    topic = sns._topic_by_arn_any_scope(publication["topic_arn"]) or {"subscriptions": []}
    text = sns._resolve_message_for_protocol(publication["message"], publication["message_structure"], "email")
    attributes = publication["message_attributes"] or {}
    read = INVOKE_URL.sub(rf"http://127.0.0.1:{sns._PORT}/_aws/execute-api/\1/", text)
    return [
        _mail(subscription["endpoint"], publication["subject"] or DEFAULT_SUBJECT, read)
        for subscription in topic["subscriptions"]
        if subscription["protocol"] == "email"
        and subscription["confirmed"]
        and sns._matches_filter_policy(subscription, attributes, text)
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


def _send_soon(mail: EmailMessage, smtp_port: int) -> None:
    threading.Thread(target=_send, args=(mail, smtp_port), daemon=True).start()


def _send(mail: EmailMessage, smtp_port: int) -> None:
    try:
        with smtplib.SMTP("127.0.0.1", smtp_port, timeout=5) as connection:
            connection.send_message(mail)
    except OSError as error:  # smtplib's errors are OSErrors too
        logger.warning("An e-mail to %s was not delivered: %s", mail["To"], error)
