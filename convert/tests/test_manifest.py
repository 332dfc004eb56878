"""The manifest's definition, with the fixtures that the page's parser is tested on too; and ``verify``."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
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


def rewrite(package: Path, old: str, new: str) -> None:
    path = package / manifest.MANIFEST_NAME
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"bytes": 170', '"bytes": NaN', "not valid JSON: NaN is no number"),
        ('"bytes": 170', '"bytes": 170.0', "files/[0-9]+/bytes: 170.0 is not of type 'integer'"),
        ('"bytes": 170', '"bytes": 1.7e2', "files/[0-9]+/bytes: 170.0 is not of type 'integer'"),
        ('"bytes": 170', '"bytes": true', "files/[0-9]+/bytes: True is not of type 'integer'"),
        ('"vram_mb": ', '"vram_mb": -Infinity, "x": ', "not valid JSON: -Infinity is no number"),
        ('"vram_mb": ', '"vram_mb": 1e999, "x": ', "not valid JSON: 1e999 is too large a number"),
        ('"bytes": 170', '"bytes": ' + "9" * 5000, "not valid JSON: Exceeds the limit"),
        ('"bytes": 170', '"bytes": ' + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ('"bytes": 170', '"bytes": ' + "[" * 200 + "]" * 200, "nested too deeply"),
        ('"format"', '"\\ud800": 1, "format"', "half of a surrogate pair"),
    ],
)
def test_numbers_and_texts_that_are_none_are_refused(package: Path, old: str, new: str, message: str):
    rewrite(package, old, new)
    with pytest.raises(PackageError, match=message) as error:
        manifest.verify(package)
    assert str(package) in str(error.value)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1.0, True])
def test_a_manifest_is_checked_for_such_numbers_before_it_is_written(value: object):
    good = json.loads(GOOD[0].read_text("utf-8"))
    good["files"][0]["bytes"] = value
    with pytest.raises(PackageError, match="is not of type 'integer'"):
        manifest.check(good)
    if value is not True:
        good = json.loads(GOOD[0].read_text("utf-8"))
        good["libraries"][0]["requires"]["vram_mb"] = value
        if value == 1.0:
            manifest.check(good)
        else:
            with pytest.raises(PackageError, match="is not of type 'number'"):
                manifest.check(good)


def test_links_are_refused_wherever_they_lead(package: Path, tmp_path_factory: pytest.TempPathFactory):
    outside = tmp_path_factory.mktemp("outside")
    shard = package / "params_shard_0.bin"
    shard.rename(outside / shard.name)
    shard.symlink_to(outside / shard.name)
    (package / "extra").symlink_to(outside)
    (package / "self").symlink_to(".")
    (package / "tokenizer.json").rename(package / "moved.json")
    (package / "tokenizer.json").symlink_to("moved.json")
    with pytest.raises(PackageError) as error:
        manifest.verify(package)
    message = str(error.value)
    for name in ("params_shard_0.bin", "extra", "self", "tokenizer.json"):
        assert f"\n  {name}: a symbolic link (to " in message
    assert "\n  moved.json: not listed" in message


def test_a_listed_file_behind_a_linked_folder_is_refused(package: Path, tmp_path_factory: pytest.TempPathFactory):
    outside = tmp_path_factory.mktemp("outside")
    (package / "tiny-gpu.wasm").rename(outside / "tiny-gpu.wasm")
    rewrite(package, '"path": "tiny-gpu.wasm"', '"path": "lib/tiny-gpu.wasm"')
    rewrite(package, '"path": "tiny-gpu.wasm"', '"path": "lib/tiny-gpu.wasm"')
    (package / "lib").symlink_to(outside)
    with pytest.raises(PackageError) as error:
        manifest.verify(package)
    assert "\n  lib: a symbolic link (to " in str(error.value)
    assert "\n  lib/tiny-gpu.wasm: missing" in str(error.value)


def test_the_package_itself_may_be_reached_through_a_link(package: Path, tmp_path_factory: pytest.TempPathFactory):
    link = tmp_path_factory.mktemp("link") / "package"
    link.symlink_to(package)
    assert manifest.verify(link)["id"] == "tiny"


def test_pipes_and_odd_names_are_named_on_one_line(package: Path):
    os.mkfifo(package / "pipe")
    (package / "a\nb").write_text("x")
    with pytest.raises(PackageError) as error:
        manifest.verify(package)
    assert str(error.value).splitlines()[1:] == ["  'a\\nb': not listed", "  pipe: neither a file nor a folder"]


AS_ANOTHER_USER = """
import os, sys
from hypnos_convert.__main__ import main
assert main(["verify", sys.argv[1]]) == 0
os.chmod(sys.argv[2], 0)
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
sys.exit(main(["verify", sys.argv[1]]))
"""


def test_an_unreadable_file_is_named(package: Path):
    # Not below pytest's own folder, which other users may not enter.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        copy = shutil.copytree(package, Path(folder) / "package")
        os.chmod(copy, 0o755)
        command = [sys.executable, "-c", AS_ANOTHER_USER, copy, copy / "tokenizer.json"]
        pipeline = Path(__file__).parents[1]
        done = subprocess.run(command, cwd=pipeline, capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stderr
    assert done.stderr.splitlines()[1:] == ["  tokenizer.json: cannot be read: Permission denied"]
