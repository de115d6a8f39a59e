# mypy: ignore-errors
# Its sp_api is the public client, another package than the one of this project.
"""python-amazon-sp-api as its documentation shows it: subscribes, makes a report, reads its document, unsubscribes.

Prints what it got as JSON. Runs in an environment of its own, with HTTPS_PROXY and SSL_CERT_FILE set.
"""

import json
import os
import time

from sp_api.api import Notifications, Reports, Tokens
from sp_api.base import Marketplaces, SellingApiForbiddenException, SellingApiRequestThrottledException

credentials = {
    "refresh_token": os.environ["REFRESH_TOKEN"],
    "lwa_app_id": os.environ["CLIENT_ID"],
    "lwa_client_secret": os.environ["CLIENT_SECRET"],
}
FINISHED = "REPORT_PROCESSING_FINISHED"
RESTRICTED = "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING"


def finished(reports: Reports, report_type: str) -> dict:
    report_id = reports.create_report(reportType=report_type).payload["reportId"]
    while (report := reports.get_report(report_id).payload)["processingStatus"] in ("IN_QUEUE", "IN_PROGRESS"):
        time.sleep(0.1)
    return report


notifications = Notifications(credentials=credentials, marketplace=Marketplaces.DE)
destination = notifications.create_destination(name="tests", arn=os.environ["QUEUE_ARN"]).payload
subscription = notifications.create_subscription(FINISHED, destination_id=destination["destinationId"]).payload
found = notifications.get_subscription(FINISHED).payload
notifications.delete_notification_subscription(FINISHED, subscription["subscriptionId"])
fulfillment = notifications.create_subscription(
    "FULFILLMENT_ORDER_STATUS", destination_id=destination["destinationId"]
).payload
try:
    notifications.delete_notification_subscription("FULFILLMENT_ORDER_STATUS", fulfillment["subscriptionId"])
    refusal = ""
except SellingApiForbiddenException as error:
    refusal = error.message

reports = Reports(credentials=credentials, marketplace=Marketplaces.DE)
report = finished(reports, "GET_MERCHANT_LISTINGS_ALL_DATA")
document = reports.get_report_document(report["reportDocumentId"], download=True).payload

private = finished(reports, RESTRICTED)
path = f"/reports/2021-06-30/documents/{private['reportDocumentId']}"
resources = [{"method": "GET", "path": path}]
token = Tokens(credentials=credentials, marketplace=Marketplaces.DE).create_restricted_data_token(
    restrictedResources=resources
)
with_token = Reports(
    credentials=credentials,
    marketplace=Marketplaces.DE,
    restricted_data_token=token.payload["restrictedDataToken"],
)
restricted_document = with_token.get_report_document(private["reportDocumentId"], download=True).payload

try:
    for _ in range(100):
        reports.get_reports(reportTypes=["GET_MERCHANT_LISTINGS_ALL_DATA"])
    throttled = False
except SellingApiRequestThrottledException:
    throttled = True

print(
    json.dumps(
        {
            "destination": destination,
            "subscription": subscription,
            "found": found,
            "refusal": refusal,
            "report": report,
            "document": document["document"],
            "restrictedDocument": restricted_document["document"],
            "throttled": throttled,
        }
    )
)
