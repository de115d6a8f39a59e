"""No representation of an object shows secrets, or links that work like them: a log line or traceback may have it."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator

import quickstart
import sp_api

HIDDEN = {
    "quickstart.application_secret.SecretVersion.client_secret",
    "quickstart.authorization.browser.Callback.code",
    "quickstart.authorization.browser.Callback.state",
    "quickstart.authorization.browser.Login.amazon_state",
    "quickstart.authorization.browser.Login.callback_uri",
    "quickstart.authorization.pages.Redirect.address",
    "quickstart.authorization.pages.Redirect.cookie",
    "quickstart.authorization.records.Parked.amazon_state",
    "quickstart.listings.records.Record.task_token",
    "quickstart.remembered.Remembered._held",
    "quickstart.reports.retrieval.RetrievedReport.document_url",
    "quickstart.reports.storage.ReportDocument.url",
    "quickstart.secret_rotation.messages.NewSecret.client_secret",
    "quickstart.token_vault.TokenVault._held",
    "quickstart.token_vault._Decrypted.value",
    "sp_api.caller.Caller.access_token",
    "sp_api.feeds.FeedDocument.url",
    "sp_api.feeds.FeedUpload.url",
    "sp_api.lwa.ApplicationCredentials.client_secret",
    "sp_api.lwa.AuthorizationGrant.access_token",
    "sp_api.lwa.AuthorizationGrant.refresh_token",
    "sp_api.lwa.LwaClient._tokens",
    "sp_api.lwa._AccessToken.value",
    "sp_api.product_types.SchemaLink.url",
    "sp_api.reports.ReportDocument.url",
    "sp_api.signing.Signer._sessions",
    "sp_api.signing.SigningCredentials.secret_key",
    "sp_api.signing._Session.secret_key",
    "sp_api.signing._Session.token",
    "sp_api.tokens.RestrictedDataToken.token",
}


def hidden_fields() -> Iterator[str]:
    for package in (sp_api, quickstart):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for found in vars(importlib.import_module(module.name)).values():
                if isinstance(found, type) and dataclasses.is_dataclass(found) and found.__module__ == module.name:
                    for field in dataclasses.fields(found):
                        if not field.repr:
                            yield f"{module.name}.{found.__name__}.{field.name}"


def test_secrets_and_links_are_not_shown() -> None:
    hidden = set(hidden_fields())
    assert hidden >= HIDDEN, HIDDEN - hidden
