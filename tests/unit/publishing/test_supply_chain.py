"""The packages of the layers, with their licenses and checksums."""

import hashlib
import json
from pathlib import Path

import pytest

from publishing.archive import Artifact
from publishing.errors import PublishingError
from publishing.supply_chain import Package, checksums, layers_of_packages, packages, supply_chain

LAYER = "layers/dependencies"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "quick-start"\nversion = "1.2.3"\nlicense = "MIT"\n')
    return tmp_path


def install(folder: Path, name: str, version: str, *fields: str, **files: str) -> None:
    """A package with these lines in its METADATA, and these files: the path with __ in place of a slash."""
    stem = name.replace("-", "_")
    info = folder / "python" / f"{stem}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *fields])
    )
    record = []
    for given, text in files.items():
        path = folder / "python" / given.replace("INFO", info.name).replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        record.append(f"{path.relative_to(folder / 'python').as_posix()},,")
    (info / "RECORD").write_text("\n".join(record))


def pin(checkout: Path, *lines: tuple[str, str], layer: str = LAYER) -> None:
    text = "".join(f"{pinned} \\\n    --hash=sha256:{digit * 64}\n" for pinned, digit in lines)
    (checkout / layer).mkdir(parents=True, exist_ok=True)
    (checkout / layer / "requirements.txt").write_text(text)


MIT = "License-Expression: MIT"


def test_the_packages_of_a_layer(checkout: Path) -> None:
    """By name, however it is written; each with its checksum, and with the licenses of the libraries inside it."""
    pin(checkout, ("zeta==2.0", "2"), ("alpha-one==1.0", "1"))
    files = {
        "INFO__licenses__LICENSE": "own",
        "INFO__NOTICE": "notice",
        "alpha__lib__LICENCE": "library",
        "alpha__COPYING": "copying",
        "alpha__licenses__NOTICE": "own folder",
        "alpha__UNLICENSE": "no",
        "alpha__a": "no",
    }
    install(checkout / LAYER, "Alpha_One", "1.0", MIT, "License: other", **files)
    install(checkout / LAYER, "zeta", "2.0", "License: BSD-3-Clause")
    # Not every installation lists its files.
    (checkout / LAYER / "python/zeta-2.0.dist-info/RECORD").unlink()
    alpha, zeta = packages(checkout, LAYER)
    texts = {
        "LICENSE": "own",
        "NOTICE": "notice",
        "alpha/lib/LICENCE": "library",
        "alpha/COPYING": "copying",
        "alpha/licenses/NOTICE": "own folder",
    }
    assert alpha == Package("Alpha_One", "1.0", "1" * 64, "MIT", texts)
    assert zeta == Package("zeta", "2.0", "2" * 64, "BSD-3-Clause", {})
    assert str(alpha.url) == "pkg:pypi/alpha-one@1.0"


@pytest.mark.parametrize(
    ("pinned", "names"),
    [
        ([("alpha==1.0", "1"), ("beta==1.0", "1")], "beta"),
        ([], "alpha"),
        ([("alpha==1.1", "1")], "alpha"),
        ([("gamma==1.0", "1"), ("beta==1.0", "1")], "alpha, beta, gamma"),
    ],
)
def test_other_packages_than_those_that_are_pinned(checkout: Path, pinned: list[tuple[str, str]], names: str) -> None:
    pin(checkout, *pinned)
    install(checkout / LAYER, "alpha", "1.0", MIT)
    with pytest.raises(PublishingError) as refused:
        packages(checkout, LAYER)
    assert str(refused.value) == (
        f"{LAYER}/python does not contain the packages that {LAYER}/requirements.txt pins ({names}): delete it and run "
        "`make build`."
    )


@pytest.mark.parametrize("fields", [[], ["License: MIT License", "        second line"]])
def test_a_package_without_the_name_of_a_license(checkout: Path, fields: list[str]) -> None:
    pin(checkout, ("alpha==1.0", "1"))
    install(checkout / LAYER, "alpha", "1.0", *fields)
    with pytest.raises(PublishingError) as refused:
        packages(checkout, LAYER)
    assert str(refused.value) == "The package alpha does not name its license as an SPDX expression."


def code(*keys: str) -> tuple[Artifact, ...]:
    return tuple(Artifact(key, key.encode()) for key in keys)


HASH = "0123456789abcdef"
CODE = code(f"layers/other-{HASH}.zip", f"{LAYER}-{HASH}.zip", f"functions/a-{HASH}.zip", f"layers/own-{HASH}.zip")


def test_the_layers_with_packages(checkout: Path) -> None:
    """Only those that are published, in the order of their names."""
    for layer in (LAYER, "layers/other", "layers/unpublished", "functions/a"):
        pin(checkout, layer=layer)
    (checkout / "layers/own").mkdir()
    assert layers_of_packages(checkout, CODE) == (LAYER, "layers/other")


def test_the_sbom_and_the_licenses_of_two_layers(checkout: Path, tmp_path: Path) -> None:
    """A package that both have is there once. Another folder can be packed in place of a layer's own."""
    pin(checkout, ("alpha==1.0", "1"), ("beta==2.0", "2"))
    pin(checkout, ("alpha==1.0", "1"), layer="layers/other")
    install(checkout / LAYER, "alpha", "1.0", MIT, INFO__licenses__LICENSE="\nThe text.\n\n")
    install(
        checkout / LAYER, "beta", "2.0", "License-Expression: Apache-2.0 OR MIT", beta__NOTICE="B", beta__COPYING="A"
    )
    install(tmp_path / "elsewhere", "alpha", "1.0", MIT)
    sbom, licenses = supply_chain(checkout, iter(CODE), {"layers/other": tmp_path / "elsewhere"})
    rule = "-" * 78
    assert licenses.key.startswith("supply-chain/licenses-")
    assert licenses.content.decode() == (
        "Packages in the layers of the functions, with the licenses that they name.\n\n"
        "alpha 1.0: MIT\nbeta 2.0: Apache-2.0 OR MIT\n\n"
        f"{rule}\nbeta 2.0, beta/COPYING\n\nA\n\n"
        f"{rule}\nbeta 2.0, beta/NOTICE\n\nB\n"
    )
    document = json.loads(sbom.content)
    assert sbom.key.startswith("supply-chain/sbom-")
    assert sbom.key.endswith(".cdx.json")
    assert sbom.content.startswith(b'{\n  "$schema"')
    assert sbom.content.endswith(b"\n}\n")
    assert "timestamp" not in document["metadata"]
    assert document["metadata"]["component"] == {
        "bom-ref": "quick-start",
        "licenses": [{"license": {"id": "MIT"}}],
        "name": "quick-start",
        "type": "application",
        "version": "1.2.3",
    }
    assert document["components"] == [
        {
            "bom-ref": f"pkg:pypi/{name}@{version}",
            "hashes": [{"alg": "SHA-256", "content": digit * 64}],
            "licenses": licensed,
            "name": name,
            "purl": f"pkg:pypi/{name}@{version}",
            "type": "library",
            "version": version,
        }
        for name, version, digit, licensed in (
            ("alpha", "1.0", "1", [{"license": {"id": "MIT"}}]),
            ("beta", "2.0", "2", [{"expression": "Apache-2.0 OR MIT"}]),
        )
    ]
    again, _ = supply_chain(checkout, reversed(CODE), {"layers/other": tmp_path / "elsewhere"})
    assert again == sbom
    changed, _ = supply_chain(checkout, CODE[:3], {"layers/other": tmp_path / "elsewhere"})
    assert json.loads(changed.content)["serialNumber"] != document["serialNumber"]


def test_the_texts_of_the_licenses_have_no_space_around_them(checkout: Path) -> None:
    pin(checkout, ("alpha==1.0", "1"))
    install(checkout / LAYER, "alpha", "1.0", MIT, INFO__licenses__LICENSE="\n\nThe text.\n\n")
    _, licenses = supply_chain(checkout, CODE[1:2])
    assert licenses.content.decode().endswith("alpha 1.0, LICENSE\n\nThe text.\n")


def test_the_checksums_are_in_the_order_of_the_keys() -> None:
    one, other = code("b/one.zip", "a/other.yaml")
    made = checksums([one, other])
    assert made.key.startswith("supply-chain/checksums-")
    assert made.content.decode() == "".join(
        f"{hashlib.sha256(each.content).hexdigest()}  {each.key}\n" for each in (other, one)
    )
