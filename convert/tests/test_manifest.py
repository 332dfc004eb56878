"""The manifest's definition, with the fixtures that the page's parser is tested on too; and ``verify``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from hypnos_convert import manifest
from hypnos_convert.errors import InputError, PackageError

FIXTURES = Path(__file__).parents[2] / "tests" / "fixtures" / "manifests"
GOOD = sorted((FIXTURES / "good").glob("*.json"))
BAD = sorted((FIXTURES / "bad").glob("*.json"))


def test_the_schema_itself_is_valid():
    Draft202012Validator.check_schema(manifest.schema())


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_manifests_pass_and_survive_encoding(path: Path):
    value = json.loads(path.read_text("utf-8"))
    manifest.check(value)
    assert json.loads(manifest.encode(value)) == value


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_manifests_are_refused(path: Path):
    value = json.loads(path.read_text("utf-8"))
    with pytest.raises(PackageError, match=r"^hypnos-package\.json: .+"):
        manifest.check(value)


def test_fixtures_are_there():
    assert len(GOOD) >= 2
    assert len(BAD) >= 40


def test_a_value_of_the_user_that_does_not_fit_is_an_input_error():
    value = json.loads(GOOD[0].read_text("utf-8"))
    with pytest.raises(InputError, match=r"version.*'one'"):
        manifest.encode({**value, "version": "one"})


@pytest.fixture
def package(tmp_path: Path) -> Path:
    value = json.loads((FIXTURES / "good" / "minimal.json").read_text("utf-8"))
    for entry in value["files"]:
        content = entry["path"].encode() * 10
        (tmp_path / entry["path"]).write_bytes(content)
        entry |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (tmp_path / manifest.MANIFEST_NAME).write_bytes(manifest.encode(value))
    return tmp_path


def test_verify_accepts_an_intact_package(package: Path):
    assert manifest.verify(package)["id"] == "tiny"


def test_verify_names_every_damaged_missing_and_unlisted_file(package: Path):
    shard = package / "params_shard_0.bin"
    content = bytearray(shard.read_bytes())
    content[7] ^= 1
    shard.write_bytes(content)
    (package / "tokenizer.json").unlink()
    (package / "tensor-cache.json").write_bytes(b"{}")
    (package / "extra.txt").write_text("x")
    with pytest.raises(PackageError) as error:
        manifest.verify(package)
    message = str(error.value)
    assert "params_shard_0.bin: content changed" in message
    assert "tokenizer.json: missing" in message
    assert "tensor-cache.json: 2 bytes instead of 170" in message
    assert "extra.txt: not listed" in message
    assert "tiny-gpu.wasm" not in message


def test_verify_refuses_a_folder_without_a_manifest(package: Path):
    (package / manifest.MANIFEST_NAME).unlink()
    with pytest.raises(PackageError, match="no finished package"):
        manifest.verify(package)
