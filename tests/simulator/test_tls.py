"""Amazon's own host names: over TLS, through the HTTPS proxy, and by the Host header alone."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import DNSName
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from sp_api_simulator import certificates
from sp_api_simulator.certificates import make_certificates
from tests.simulator.conftest import running_simulator
from tests.simulator.support import CLIENT_ID, CLIENT_SECRET, DOCUMENTS, LISTINGS, REPORTS, Contract, Simulator
from tests.waiting import SECONDS

NA = "https://sellingpartnerapi-na.amazon.com"
LIST = f"{REPORTS}?reportTypes={LISTINGS}"


@dataclass(frozen=True)
class Tls:
    """A simulator with TLS, and a client that has nothing but its proxy and its CA."""

    simulator: Simulator
    address: str
    authority: Path
    proxy: str
    http: urllib3.ProxyManager

    @staticmethod
    def of(simulator: Simulator) -> Tls:
        lines = "".join(simulator.further_lines)
        found = re.fullmatch(r"TLS: (\S+) \(CA certificate: (.+)\)\nHTTPS proxy: (\S+)\n", lines)
        assert found is not None, lines
        http = urllib3.ProxyManager(found[3], ca_certs=found[2], retries=False, timeout=SECONDS)
        return Tls(simulator, found[1], Path(found[2]), found[3], http)

    def call(self, method: str, url: str, token: str = "", body: Any = None) -> urllib3.BaseHTTPResponse:
        headers = {"x-amz-access-token": token} if token else {}
        return self.http.request(method, url, headers=headers, json=body)


@pytest.fixture(scope="module")
def tls(contracts: tuple[Contract, ...], openapi: Path) -> Iterator[Tls]:
    options = ("--tls", "--time-scale", "100", "--rate-limit-scale", "0", "--models", str(openapi))
    credentials = ("--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET)
    with running_simulator(contracts, *options, *credentials) as simulator:
        yield Tls.of(simulator)


def test_the_whole_way_under_amazons_names(tls: Tls) -> None:
    refresh_token = tls.simulator.control("POST", "/sellers", {"sellerId": "A1"})["refreshToken"]
    form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    form |= {"grant_type": "refresh_token", "refresh_token": refresh_token}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = tls.http.request("POST", "https://api.amazon.com/auth/o2/token", body=urlencode(form), headers=headers)
    token = answer.json()["access_token"]
    body = {"reportType": LISTINGS, "marketplaceIds": ["ATVPDKIKX0DER"]}
    made = tls.call("POST", NA + REPORTS, token, body)
    assert made.status == 202
    report = tls.simulator.finished(token, made.json()["reportId"])
    document = tls.call("GET", f"{NA}{DOCUMENTS}/{quote(report['reportDocumentId'])}", token).json()
    assert urlsplit(document["url"]).netloc == "tortuga-prod-na.s3.amazonaws.com"
    content = tls.http.request("GET", document["url"])
    assert (content.status, content.data[:2]) == (200, b"\x1f\x8b")
    assert tls.call("GET", f"{NA.replace('-na', '-eu')}{REPORTS}/{made.json()['reportId']}", token).status == 404


def test_the_sandbox_has_names_of_its_own(tls: Tls) -> None:
    answer = tls.call("GET", f"https://sandbox.sellingpartnerapi-fe.amazon.com{REPORTS}/ID323", tls.simulator.seller())
    assert answer.json()["reportId"] == "ReportId1"


def test_paths_of_the_simulator_do_not_exist_under_amazons_names(tls: Tls) -> None:
    assert tls.call("GET", f"{NA}/simulator").status == 403
    assert tls.call("GET", f"{NA}/na{LIST}", tls.simulator.seller()).status == 403


def test_tls_without_the_proxy(tls: Tls) -> None:
    """The certificate is valid for this machine too; links lead to the same address."""
    direct = urllib3.PoolManager(ca_certs=str(tls.authority), retries=False)
    token = tls.simulator.seller()
    document = tls.simulator.document(token)
    headers = {"x-amz-access-token": token}
    path = f"{DOCUMENTS}/{quote(document['reportDocumentId'])}"
    link = direct.request("GET", f"{tls.address}/na{path}", headers=headers).json()["url"]
    assert link.startswith(f"{tls.address}/documents/")
    assert direct.request("GET", link).status == 200
    with_port = headers | {"host": f"SellingPartnerAPI-NA.amazon.com:{urlsplit(tls.address).port}"}
    link = direct.request("GET", f"{tls.address}{path}", headers=with_port).json()["url"]
    assert urlsplit(link).netloc == f"tortuga-prod-na.s3.amazonaws.com:{urlsplit(tls.address).port}"


def test_the_certificate_needs_its_own_authority(tls: Tls) -> None:
    untrusting = urllib3.ProxyManager(tls.proxy, retries=False)
    with pytest.raises(urllib3.exceptions.SSLError):
        untrusting.request("GET", NA)


@pytest.mark.parametrize(
    "url", ["https://example.com/", "https://amazon.com/", "https://sellingpartnerapi-xx.amazon.com/"]
)
def test_the_proxy_is_for_amazons_names_only(tls: Tls, url: str) -> None:
    with pytest.raises(urllib3.exceptions.ProxyError, match="403"):
        tls.http.request("GET", url)


def test_the_proxy_takes_connect_only(tls: Tls) -> None:
    plain = urllib3.PoolManager(retries=False)
    answer = plain.request("GET", f"{tls.proxy}/")
    assert answer.status == 405


@pytest.mark.parametrize("fault", [{"fault": "reset"}, {"fault": "lose"}])
def test_a_cut_connection_is_cut_for_the_client(tls: Tls, fault: dict[str, str]) -> None:
    token = tls.simulator.seller()
    tls.simulator.control("POST", "/faults", fault | {"operation": "getReports"})
    with pytest.raises((urllib3.exceptions.ProtocolError, urllib3.exceptions.ProxyError)):
        tls.call("GET", NA + LIST, token)
    assert tls.call("GET", NA + LIST, token).status == 200
    tls.simulator.control("POST", "/faults", fault | {"operation": "getReports"})
    direct = urllib3.PoolManager(ca_certs=str(tls.authority), retries=False)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        direct.request("GET", f"{tls.address}/na{LIST}", headers={"x-amz-access-token": token})


def test_a_truncated_document(tls: Tls) -> None:
    link = tls.simulator.document(tls.simulator.seller())["url"]
    url = f"https://tortuga-prod-na.s3.amazonaws.com{urlsplit(link).path}?{urlsplit(link).query}"
    fault = {"fault": "truncate", "operation": "downloadDocument", "afterBytes": 100}
    tls.simulator.control("POST", "/faults", fault)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        tls.http.request("GET", url)
    assert tls.http.request("GET", url).status == 200


def test_the_host_name_alone(simulator: Simulator) -> None:
    """Without TLS, too, and the links lead back to where the simulator listens."""
    token = simulator.seller()
    headers = {"x-amz-access-token": token, "host": "sellingpartnerapi-eu.amazon.com"}
    assert simulator.fetch("GET", simulator.address + LIST, headers).status == 200
    assert simulator.fetch("GET", f"{simulator.address}/eu{LIST}", headers).status == 403
    report = simulator.finished(token, simulator.create_report(token, endpoint="eu"), endpoint="eu")
    path = f"{DOCUMENTS}/{quote(report['reportDocumentId'])}"
    link = simulator.fetch("GET", simulator.address + path, headers).json["url"]
    assert link.startswith(f"{simulator.address}/documents/")
    assert simulator.fetch("GET", link).status == 200


def test_without_tls_there_is_no_further_line(simulator: Simulator) -> None:
    assert simulator.further_lines == ()


def test_an_authority_that_is_kept(tmp_path: Path, contracts: tuple[Contract, ...]) -> None:
    folder = tmp_path / "tls"
    seen = []
    for _ in range(2):
        with running_simulator(contracts, "--tls", "--tls-folder", str(folder)) as simulator:
            seen.append(Tls.of(simulator).authority.read_bytes())
            assert stat.S_IMODE((folder / "ca-key.pem").stat().st_mode) == 0o600
            assert stat.S_IMODE((folder / "server.pem").stat().st_mode) == 0o600
    assert seen[0] == seen[1]


def test_an_authority_of_a_moment_leaves_nothing(contracts: tuple[Contract, ...]) -> None:
    with running_simulator(contracts, "--tls") as simulator:
        folder = Tls.of(simulator).authority.parent
        assert sorted(path.name for path in folder.iterdir()) == ["ca.pem", "server.pem"]
    assert not folder.exists()


def test_a_kept_authority_is_replaced_when_the_names_change(tmp_path: Path) -> None:
    first, _ = make_certificates(tmp_path, ["a.example"], keep=True)
    before = first.read_bytes()
    make_certificates(tmp_path, ["a.example"], keep=True)
    assert first.read_bytes() == before
    make_certificates(tmp_path, ["a.example", "b.example"], keep=True)
    assert first.read_bytes() != before


@pytest.mark.parametrize("spoil", [lambda path: path.write_text("no certificate"), lambda path: path.write_bytes(b"")])
def test_a_folder_with_something_else(tmp_path: Path, spoil: Callable[[Path], Any]) -> None:
    make_certificates(tmp_path, ["a.example"], keep=True)
    spoil(tmp_path / "ca.pem")
    with pytest.raises(ValueError, match=r".+"):
        make_certificates(tmp_path, ["a.example"], keep=True)


def test_the_authority_signs_for_its_names_only() -> None:
    """Trusting the CA puts no other site at risk: a certificate for another name is refused."""
    authority = certificates._new_authority(["localhost", "a.example"])
    key = ec.generate_private_key(ec.SECP256R1())

    def verify(name: str) -> None:
        certificate = certificates._server_certificate(authority, key, [name])
        policy = PolicyBuilder().store(Store([authority.certificate]))
        policy.build_server_verifier(DNSName(name)).verify(certificate, [])

    verify("a.example")
    with pytest.raises(VerificationError):
        verify("b.example")
