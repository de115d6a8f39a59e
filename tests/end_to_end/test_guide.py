"""docs/deployment.md, from an empty account to a downloaded report: its commands are run as they are written."""

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from deployment import EMAIL, aws, local_address, stack_parameters
from servers import Servers
from simulator import authorize_seller, served_document
from smtp_mailbox import read_messages
from tests.documents.guide import Terminal, clone, environment
from tests.documents.reading import CHECKOUT, Block, blocks, headings
from tests.end_to_end.conftest import started_servers
from tests.end_to_end.host import download, eventually, link_in, mail_about
from tests.waiting import SECONDS

pytestmark = pytest.mark.proof

GUIDE = CHECKOUT / "docs/deployment.md"
POLICIES = CHECKOUT / "docs/iam/README.md"
SELLER = "A3TH9S8BH6GOGM"
# The chapters whose commands the administrator of the account types.
ADMINISTRATOR = ("Create a bucket for templates and code", "Create an access key for your product")
# The chapters whose commands are typed in the terminal of the host product.
PRODUCT = ("Request the first report", "Download the report")
REPORT_ID = re.compile(r'"reportId": "(\d+)"')


@dataclass
class Reader:
    """Who follows the guide, in a terminal of the own and one of the host product; and an administrator."""

    servers: Servers
    own: Terminal
    product: Terminal
    administrator: Terminal

    def know(self, **values: str) -> None:
        """What stands in brackets in the guide; an underscore is a space there."""
        for terminal in (self.own, self.product, self.administrator):
            terminal.values.update({f"<{name.replace('_', ' ')}>": value for name, value in values.items()})

    def knows(self, name: str) -> str:
        return self.own.values[f"<{name}>"]

    def terminal(self, chapter: str) -> Terminal:
        if chapter in ADMINISTRATOR:
            return self.administrator
        return self.product if chapter in PRODUCT else self.own


@pytest.fixture(scope="module")
def empty_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with started_servers(tmp_path_factory.mktemp("guide")) as running:
        yield running


@pytest.fixture
def reader(empty_account: Servers, tmp_path: Path) -> Reader:
    """With a checkout and the keys of an IAM user, to whom nothing is allowed yet."""
    iam = aws(empty_account, "iam")
    iam.create_user(UserName="deployer")
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    checkout = clone(tmp_path / "checkout")
    local = {"AWS_ENDPOINT_URL": empty_account.aws_endpoint}
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    # The account's root, whose key the emulator does not check.
    root = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    made = Reader(
        empty_account,
        Terminal(checkout, environment(tmp_path, **local, **keys)),
        Terminal(checkout, environment(tmp_path, **local)),
        Terminal(checkout, environment(tmp_path, **local, **root)),
    )
    made.know(region=empty_account.region, bucket="reader-templates", seller_id=SELLER)
    made.know(refresh_token=authorize_seller(empty_account.simulator_endpoint, SELLER))
    return made


def test_the_guide_leads_from_nothing_to_a_report_and_to_an_update(reader: Reader) -> None:
    chapters = headings(GUIDE)
    assert {*BY_HAND, *PRODUCT, *ADMINISTRATOR} <= set(chapters), "the guide has no such chapter any more"
    for chapter in chapters:
        BY_HAND.get(chapter, lambda _: None)(reader)
        for block in blocks(GUIDE, "sh"):
            if block.section == chapter:
                _have_patience(reader)
                _read(reader, reader.terminal(chapter).run(block))
    cloudformation = aws(reader.servers, "cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName=reader.knows("stack"))["Stacks"]
    assert stack["StackStatus"] == "UPDATE_COMPLETE"


def _have_patience(reader: Reader) -> None:
    """Until CloudFormation has done what it was told: `aws cloudformation wait` looks every 30 seconds."""
    cloudformation = aws(reader.servers, "cloudformation")
    eventually(
        lambda: (
            all(
                not stack["StackStatus"].endswith("_IN_PROGRESS")
                for stack in cloudformation.describe_stacks()["Stacks"]
            )
            or None
        ),
        "the stack",
    )


def _read(reader: Reader, said: str) -> None:
    """What a person reads off the screen and needs later on."""
    for name, value in re.findall(r"^([A-Z]\w+)\s+(\S+)$", said, re.MULTILINE):
        # The addresses of the APIs are reached elsewhere on the emulator.
        reader.know(**{name: local_address(reader.servers, value) if ".execute-api." in value else value})
    if '"SecretAccessKey"' in said:
        key = json.loads(said)["AccessKey"]
        reader.know(access_key_id=key["AccessKeyId"], secret_access_key=key["SecretAccessKey"])
    for report_id in REPORT_ID.findall(said):
        reader.know(report_id=report_id)


def _attach_policies(reader: Reader) -> None:
    """What docs/iam/README.md has the administrator do, for the two policies that the guide names."""
    attach, _ = blocks(POLICIES, "sh")
    for name in ("Deployer", "Publisher"):
        text = attach.text.replace("Deployer", name).replace("deployer-policy", f"{name.lower()}-policy")
        reader.administrator.run(_with_own_values(reader, replace(attach, text=text)))


def _launch(reader: Reader) -> None:
    """What the console does with the printed address, and the person with its form: the two boxes and no more."""
    page = urlsplit(reader.knows("Launch"))
    assert page.netloc == f"{reader.servers.region}.console.aws.amazon.com"
    path, _, query = page.fragment.partition("?")
    assert path == "/stacks/quickcreate"
    filled = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
    stack, template = filled.pop("stackName"), filled.pop("templateURL")
    assert all(name.startswith("param_") for name in filled)
    # The form's other fields keep their defaults. The two endpoints are the simulator's in place of Amazon's.
    typed = {name.removeprefix("param_"): value for name, value in filled.items()}
    typed |= dict(stack_parameters(reader.servers))
    keys = {name.lower(): reader.own.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    aws(reader.servers, "cloudformation", **keys).create_stack(
        StackName=stack,
        TemplateURL=template,
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in typed.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    reader.know(stack=stack)


def _confirm(reader: Reader) -> None:
    """Opens the link of each mail that asks to confirm a subscription."""
    for link in eventually(lambda: three if len(three := _links(reader)) == 3 else None, "three e-mails to confirm"):
        requests.get(link, timeout=SECONDS).raise_for_status()


def _links(reader: Reader) -> list[str]:
    mails = [mail for mail in read_messages(reader.servers.mail_directory) if mail.to == EMAIL]
    assert all(mail.subject == "AWS Notification - Subscription Confirmation" for mail in mails)
    return [link_in(mail) for mail in mails]


def _open_mail(reader: Reader) -> None:
    reader.know(link=link_in(mail_about(reader.servers, reader.knows("report id"))))


def _read_report(reader: Reader) -> None:
    served = served_document(reader.servers.simulator_endpoint, reader.knows("report id"))
    _, stored = download(reader.knows("link"))
    assert stored == served
    assert (reader.own.checkout / "report.txt").read_bytes() == gzip.decompress(served)


def _with_own_values(reader: Reader, block: Block) -> Block:
    """The page on policies has examples in the place of values in brackets."""
    for example, own in (("eu-central-1", reader.knows("region")), ("your-templates", reader.knows("bucket"))):
        assert example in block.text
        block = replace(block, text=block.text.replace(example, own))
    return block


def _change_the_source(reader: Reader) -> None:
    """A new release, for which the deployer's policy is renewed."""
    attach, renew = blocks(POLICIES, "sh")
    beginning = attach.text.partition("\n\n")[0]
    renewal = replace(renew, text=f"{beginning}\n{renew.text}")
    reader.administrator.run(_with_own_values(reader, renewal))
    app = reader.own.checkout / "functions/token_storage/app.py"
    app.write_text(app.read_text() + "\n# A newer version.\n")


# What the guide has a person do in the console or the mailbox, before the commands of the chapter.
BY_HAND: Mapping[str, Callable[[Reader], None]] = {
    "Set up your credentials": _attach_policies,
    "Create the stack": _launch,
    "Confirm the e-mails": _confirm,
    "Download the report": _open_mail,
    "Check the stack": _read_report,
    "Update": _change_the_source,
}
