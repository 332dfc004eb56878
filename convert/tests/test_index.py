"""The list of packages that the page reads first."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from hypnos_convert import manifest
from hypnos_convert.__main__ import main
from hypnos_convert.errors import InputError, OutputError, PackageError
from hypnos_convert.index import write_index

MINIMAL = Path(__file__).parents[2] / "tests" / "fixtures" / "manifests" / "good" / "minimal.json"


def add(models: Path, folder: str, package_id: str) -> Path:
    value = {**json.loads(MINIMAL.read_text("utf-8")), "id": package_id}
    package = models / folder
    package.mkdir(parents=True)
    for entry in value["files"]:
        (package / entry["path"]).write_bytes(b"x")
        entry |= {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    (package / manifest.MANIFEST_NAME).write_bytes(manifest.encode(value))
    return package


def test_packages_are_listed_and_the_default_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    add(tmp_path, "b", "second")
    assert write_index(tmp_path)["default"] == "second"
    add(tmp_path, "a", "first")
    (tmp_path / "notes").mkdir()
    assert main(["index", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "a/  first\nb/  second  (first)\n"
    assert json.loads((tmp_path / "index.json").read_text()) == {
        "format": "hypnos-index/1",
        "default": "second",
        "packages": [{"id": "first", "path": "a/"}, {"id": "second", "path": "b/"}],
    }
    assert write_index(tmp_path, "first")["default"] == "first"
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "index.json", "notes"]


def test_a_default_that_left_is_replaced(tmp_path: Path):
    add(tmp_path, "a", "first")
    (tmp_path / "index.json").write_text('{"format": "hypnos-index/1", "default": "gone", "packages": []}')
    assert write_index(tmp_path)["default"] == "first"


def test_nothing_is_written_over_a_mistake(tmp_path: Path):
    with pytest.raises(InputError, match="no subfolder holds a package"):
        write_index(tmp_path)
    package = add(tmp_path, "a", "first")
    with pytest.raises(InputError, match="no package other; there are first"):
        write_index(tmp_path, "other")
    add(tmp_path, "b", "first")
    with pytest.raises(PackageError, match="both hold package first"):
        write_index(tmp_path)
    (package / "tokenizer.json").write_bytes(b"y")
    with pytest.raises(PackageError, match=r"tokenizer\.json: content changed"):
        write_index(tmp_path)
    assert not (tmp_path / "index.json").exists()


def test_packages_in_the_making_are_passed_over(tmp_path: Path):
    add(tmp_path, "a", "first")
    whole = add(tmp_path, ".b.partial", "second")
    torn = add(tmp_path, ".c.partial", "third")
    (torn / "tokenizer.json").unlink()
    (tmp_path / ".d.partial.journal").write_text("{}")
    assert [package["id"] for package in write_index(tmp_path)["packages"]] == ["first"]
    assert whole.exists()


@pytest.mark.parametrize("content", ['{"default": ["first"]}', '{"default": {"a": 1}}', "[]", "{", '{"default": NaN}'])
def test_an_index_that_is_none_is_written_anew(tmp_path: Path, content: str):
    add(tmp_path, "a", "first")
    (tmp_path / "index.json").write_text(content)
    assert write_index(tmp_path)["default"] == "first"


@pytest.mark.parametrize("name", ["麻醉", "a b", "a\udcffb", "-a"])
def test_folders_that_the_page_cannot_address_are_named(tmp_path: Path, name: str):
    add(tmp_path, name, "first")
    with pytest.raises(InputError, match="cannot load a package from the folder"):
        write_index(tmp_path)
    assert not (tmp_path / "index.json").exists()


def test_an_index_that_cannot_be_written_leaves_nothing(tmp_path: Path):
    add(tmp_path, "a", "first")
    (tmp_path / "index.json").mkdir()
    with pytest.raises(OutputError, match=r"index\.json: cannot be written: Is a directory"):
        write_index(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["a", "index.json"]


def test_a_manifest_that_leads_nowhere_is_named(tmp_path: Path):
    add(tmp_path, "a", "first")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / manifest.MANIFEST_NAME).symlink_to("nowhere")
    with pytest.raises(PackageError, match="a link to nowhere, which does not exist"):
        write_index(tmp_path)
