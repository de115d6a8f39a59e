"""Creates the parts of the solicitations capability when they are first needed, from the function's environment.

Imports are inside the functions, so that a function loads only what it uses. Handlers import what they use at the top,
because Lambda does not limit the CPU while a function starts.
"""

from functools import cache
from typing import TYPE_CHECKING

from quickstart import clients, settings
from quickstart.dynamodb import Table

if TYPE_CHECKING:
    from quickstart.call_slots import CallSlots
    from quickstart.solicitations.ledger import SolicitationLedger
    from quickstart.solicitations.scheduling import Arranger
    from sp_api.regions import Region


@cache
def solicitations_table() -> Table:
    return Table(clients.dynamodb(), settings.required("SOLICITATIONS_TABLE"))


@cache
def selling_partners_table() -> Table:
    return Table(clients.dynamodb(), settings.required("SELLING_PARTNERS_TABLE"))


def call_slots(seller_id: str, region: "Region") -> "CallSlots":
    """The slots of a seller's calls of getSolicitationActionsForOrder."""
    from quickstart.solicitations.ledger import call_slots

    return call_slots(solicitations_table(), seller_id, region)


@cache
def solicitation_ledger() -> "SolicitationLedger":
    from quickstart.solicitations.ledger import SolicitationLedger

    return SolicitationLedger(solicitations_table())


@cache
def solicitation_arranger() -> "Arranger":
    from quickstart.solicitations.scheduling import Arranger

    return Arranger(
        ledger=solicitation_ledger(),
        scheduler=clients.scheduler(),
        states=clients.states(),
        state_machine_arn=settings.required("STATE_MACHINE_ARN"),
        group_name=settings.required("SCHEDULE_GROUP"),
        role_arn=settings.required("SCHEDULE_ROLE_ARN"),
        dead_letter_queue_arn=settings.required("SCHEDULE_DEAD_LETTER_QUEUE_ARN"),
    )
