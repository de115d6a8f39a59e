"""What the published code consists of: an SBOM, the licenses of the packages, and the checksums of all objects."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from uuid import UUID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from publishing.archive import Artifact, artifact
from publishing.errors import PublishingError

REQUIREMENTS = "requirements.txt"
# A package in that file of a layer: name, version, SHA-256 of the wheel.
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+) \\\n    --hash=sha256:([0-9a-f]{64})$", re.MULTILINE)
# The serial number is made from the content, so that equal code has an equal SBOM.
_SERIAL_NUMBERS = UUID("3f0f9f0e-6f0b-4f7e-9a53-5b1f1f0c7d0a")


@dataclass(frozen=True)
class Package:
    """A package of a layer. license is an SPDX expression; texts are its license files by name.

    Also those of libraries that the package contains, with their folder.
    """

    name: str
    version: str
    sha256: str
    license: str
    texts: Mapping[str, str]

    @property
    def url(self) -> PackageURL:
        return PackageURL("pypi", None, _normalized(self.name), self.version)


def layers_of_packages(checkout: Path, code: Iterable[Artifact]) -> tuple[str, ...]:
    """The layers among the published code that contain packages of others, such as layers/dependencies."""
    names = (re.fullmatch(r"(layers/.+)-[0-9a-f]{16}\.zip", made.key) for made in code)
    return tuple(sorted(name[1] for name in names if name and (checkout / name[1] / REQUIREMENTS).is_file()))


def packages(checkout: Path, layer: str, folder: Path | None = None) -> tuple[Package, ...]:
    """The packages of a layer, by name.

    Args:
        checkout: the folder with layers/.
        layer: such as layers/dependencies.
        folder: the folder that is packed, if it is not the layer's own.

    Raises:
        PublishingError: the installed packages are not those of the requirements file, or one names no license.
    """
    pinned = {
        _normalized(name): (version, sha256)
        for name, version, sha256 in _PIN.findall((checkout / layer / REQUIREMENTS).read_text("utf-8"))
    }
    found = distributions(path=[str((folder or checkout / layer) / "python")])
    installed = {_normalized(distribution.metadata["Name"]): distribution for distribution in found}
    differing = {(name, distribution.version) for name, distribution in installed.items()} ^ {
        (name, version) for name, (version, _) in pinned.items()
    }
    if differing:
        raise PublishingError(
            f"{layer}/python does not contain the packages that {layer}/{REQUIREMENTS} pins "
            f"({', '.join(sorted({name for name, _ in differing}))}): delete it and run `make build`."
        )
    return tuple(_package(distribution, pinned[name][1]) for name, distribution in sorted(installed.items()))


def supply_chain(
    checkout: Path, code: Iterable[Artifact], folders: Mapping[str, Path] | None = None
) -> tuple[Artifact, Artifact]:
    """The SBOM (CycloneDX 1.6 as JSON) and the licenses of the packages. Equal code produces equal bytes.

    Args:
        checkout: the folder with layers/ and pyproject.toml.
        code: the published code.
        folders: other folders that are packed for layers, by the layer.

    Raises:
        PublishingError: see `packages`.
    """
    code = tuple(code)
    found = {
        (package.name, package.version): package
        for layer in layers_of_packages(checkout, code)
        for package in packages(checkout, layer, (folders or {}).get(layer))
    }
    known = tuple(package for _, package in sorted(found.items()))
    return (
        artifact("supply-chain/sbom.cdx.json", _sbom(checkout, known, code)),
        artifact("supply-chain/licenses.txt", _licenses(known)),
    )


def checksums(artifacts: Iterable[Artifact]) -> Artifact:
    """The SHA-256 of each object, as `sha256sum --check` reads it in the folder that the prefix names."""
    lines = sorted((made.key, hashlib.sha256(made.content).hexdigest()) for made in artifacts)
    return artifact("supply-chain/checksums.txt", "".join(f"{digest}  {key}\n" for key, digest in lines).encode())


def _package(found: Distribution, sha256: str) -> Package:
    name, fields = found.metadata["Name"], found.metadata.json
    expression = str(fields.get("license_expression") or fields.get("license") or "")
    if not expression or "\n" in expression:
        raise PublishingError(f"The package {name} does not name its license as an SPDX expression.")
    texts = {
        _title(file.parts): Path(str(found.locate_file(file))).read_text("utf-8")
        for file in found.files or ()
        if re.match(r"(LICEN[CS]E|NOTICE|COPYING)", file.name)
    }
    return Package(name, found.version, sha256, expression, texts)


def _title(parts: tuple[str, ...]) -> str:
    """A license file's path, without the folders of the package's own ones: <package>.dist-info/licenses/."""
    own = parts[0].endswith(".dist-info")
    return "/".join(parts[1:] if own and parts[1] != "licenses" else parts[2:] if own else parts)


def _sbom(checkout: Path, found: Iterable[Package], code: Iterable[Artifact]) -> bytes:
    project = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))["project"]
    licenses = LicenseFactory()
    product = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        licenses=[licenses.make_from_string(project["license"])],
        bom_ref=project["name"],
    )
    components = [
        Component(
            name=package.name,
            version=package.version,
            type=ComponentType.LIBRARY,
            purl=package.url,
            bom_ref=str(package.url),
            licenses=[licenses.make_from_string(package.license)],
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=package.sha256)],
        )
        for package in found
    ]
    content = "\n".join(sorted(made.key for made in code))
    bom = Bom(
        serial_number=uuid5(_SERIAL_NUMBERS, content),
        metadata=BomMetaData(component=product),
        components=components,
    )
    bom.register_dependency(product, components)
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    # The time of the run would make each SBOM different.
    del document["metadata"]["timestamp"]
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def _licenses(found: Iterable[Package]) -> bytes:
    """A table of packages, then the text of each license."""
    known = tuple(found)
    parts = [
        "Packages in the layers of the functions, with the licenses that they name.\n",
        "".join(f"{package.name} {package.version}: {package.license}\n" for package in known),
    ]
    for package in known:
        for name, text in sorted(package.texts.items()):
            parts.append(f"{'-' * 78}\n{package.name} {package.version}, {name}\n\n{text.strip()}\n")
    return "\n".join(parts).encode()


def _normalized(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()
