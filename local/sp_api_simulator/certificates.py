"""Creates a certificate authority, and a server certificate for Amazon's host names."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_FILE = "ca.pem"
AUTHORITY_KEY_FILE = "ca-key.pem"
SERVER_FILE = "server.pem"
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
"""The longest validity that clients accept for a server certificate."""


@dataclass(frozen=True)
class Authority:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def make_certificates(folder: Path, host_names: Iterable[str], *, keep: bool) -> tuple[Path, Path]:
    """Writes the CA certificate, and the server certificate with its key, and returns both paths.

    With `keep` the CA's key stays in the folder, and the next call uses the same CA if it is still valid and for the
    same names. The CA can sign for these names only, so it is safe to trust.
    Raises OSError, and ValueError if the files in the folder are not the simulator's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = ["localhost", *sorted(host_names)]
    authority_path, server_path = folder / AUTHORITY_FILE, folder / SERVER_FILE
    authority = _kept(folder, names) if keep else None
    if authority is None:
        authority = _new_authority(names)
        authority_path.write_bytes(_pem(authority.certificate))
        if keep:
            _write_private(folder / AUTHORITY_KEY_FILE, _key_pem(authority.key))
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _server_certificate(authority, key, names)
    _write_private(server_path, _key_pem(key) + _pem(certificate))
    return authority_path, server_path


def _kept(folder: Path, names: list[str]) -> Authority | None:
    """The CA in the folder; None if there is none, if it was made for other names, or if it expires soon."""
    try:
        certificate = x509.load_pem_x509_certificate((folder / AUTHORITY_FILE).read_bytes())
        key = serialization.load_pem_private_key((folder / AUTHORITY_KEY_FILE).read_bytes(), None)
        constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except FileNotFoundError:
        return None
    except (x509.ExtensionNotFound, TypeError) as error:
        raise ValueError(f"{folder} has a {AUTHORITY_FILE} that the simulator did not create") from error
    permitted = {name.value for name in constraints.permitted_subtrees or () if isinstance(name, x509.DNSName)}
    lasts = certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=SERVER_DAYS)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or permitted != set(names) or not lasts:
        return None
    return Authority(key, certificate)


def _new_authority(names: list[str]) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name("SP-API simulator CA")
    permitted = [*(x509.DNSName(name) for name in names), x509.IPAddress(LOOPBACK)]
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(subject, subject, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, certificate)


def _server_certificate(authority: Authority, key: ec.EllipticCurvePrivateKey, names: list[str]) -> x509.Certificate:
    alternatives = [*(x509.DNSName(name) for name in names), x509.IPAddress(LOOPBACK[1])]
    issuer_key = authority.key.public_key()
    return (
        _builder(_name("SP-API simulator"), authority.certificate.subject, key.public_key(), SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_bytes(content)
