"""The slots of a seller's calls of the operations that retrieve reports."""

from quickstart.call_slots import CallSlots, Quota
from quickstart.dynamodb import Table
from quickstart.reports.ledger import NOT_A_REPORT, report_key
from sp_api.regions import Region

GET_REPORT, GET_REPORT_DOCUMENT = "getReport", "getReportDocument"
# SP-API's buckets hold 15 calls (Reports API v2021-06-30). What is left over is for repeated calls, and for a first
# call that takes longer than later ones: SP-API refills the bucket only from then on.
_QUOTAS = {GET_REPORT: Quota(2, 10), GET_REPORT_DOCUMENT: Quota(0.0167, 14)}


def slots_of(reports: Table, seller_id: str, region: Region, operation: str) -> CallSlots:
    """The slots of a seller's calls. Their item is in the index of sellers, to be deleted with the seller."""
    key = report_key(seller_id, f"SLOTS#{operation}#{region}")
    return CallSlots(reports, key, _QUOTAS[operation], {"CreatedTime": NOT_A_REPORT})
