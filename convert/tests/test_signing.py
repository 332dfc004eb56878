"""A signature made here is one that the page's own code accepts."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from hypnos_convert import manifest
from hypnos_convert.__main__ import main
from hypnos_convert.errors import InputError, PackageError
from hypnos_convert.signing import create_key, sign, trust

ROOT = Path(__file__).parents[2]
MINIMAL = ROOT / "tests" / "fixtures" / "manifests" / "good" / "minimal.json"

CHECK = """
import { readFileSync } from 'node:fs';
const [module, folder, trusted] = process.argv.slice(1);
const { checkSignature, parseTrustedKeys } = await import(module);
const read = (name) => readFileSync(`${folder}/${name}`);
try {
  const keys = parseTrustedKeys(readFileSync(trusted, 'utf8'));
  const bytes = new Uint8Array(read('hypnos-package.json'));
  console.log(JSON.stringify(await checkSignature(bytes, read('hypnos-package.sig').toString(), keys)));
} catch (error) {
  console.log(JSON.stringify({ code: error.code, reason: error.detail.reason }));
}
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    value = json.loads(MINIMAL.read_text("utf-8"))
    for entry in value["files"]:
        (folder / entry["path"]).write_bytes(b"x")
        entry |= {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    (folder / manifest.MANIFEST_NAME).write_bytes(manifest.encode(value))
    return folder


def checked_by_the_page(folder: Path, trusted: Path) -> dict[str, str]:
    """What src/packages/signature.ts, bundled as the page is, says of a package's signature."""
    node = shutil.which("node")
    assert node, "Node runs the page's code"
    bundle = trusted.parent / "signature.mjs"
    build = f"""
import {{ build }} from 'vite';
await build({{ configFile: false, logLevel: 'error', root: {json.dumps(str(ROOT))}, build: {{
  outDir: {json.dumps(str(bundle.parent))}, emptyOutDir: false, minify: false, target: 'es2023', copyPublicDir: false,
  lib: {{ entry: 'src/packages/signature.ts', formats: ['es'], fileName: () => 'signature.mjs' }} }} }});
"""
    subprocess.run([node, "--input-type=module", "-e", build], cwd=ROOT, check=True, capture_output=True)
    arguments = [node, "--input-type=module", "-e", CHECK, bundle.as_uri(), str(folder), str(trusted)]
    return json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)


def test_the_page_accepts_what_the_command_signed(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    key, trusted = tmp_path / "key.pem", tmp_path / "trusted-keys.json"
    command = ["sign", str(package), "--key", str(key), "--new-key", "--trust", str(trusted), "--name", "信息科"]
    assert main(command) == 0
    public = json.loads((package / "hypnos-package.sig").read_text())["public_key"]
    assert public in capsys.readouterr().out
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert manifest.verify(package)["id"] == "tiny"
    assert checked_by_the_page(package, trusted) == {"state": "trusted", "name": "信息科", "publicKey": public}

    text = (package / manifest.MANIFEST_NAME).read_bytes()
    (package / manifest.MANIFEST_NAME).write_bytes(text.replace(b"0.1.0", b"0.1.1"))
    assert checked_by_the_page(package, trusted) == {
        "code": "package-signature-invalid",
        "reason": "does not belong to this manifest",
    }


def test_nothing_is_signed_or_overwritten_by_mistake(package: Path, tmp_path: Path):
    key = tmp_path / "key.pem"
    create_key(key)
    with pytest.raises(InputError, match="exists"):
        create_key(key)
    other = tmp_path / "other.pem"
    other.write_text("no key")
    with pytest.raises(InputError, match="no private key in PEM"):
        sign(package, other)
    (package / "tokenizer.json").write_bytes(b"y")
    with pytest.raises(PackageError, match="content changed"):
        sign(package, key)
    assert not (package / "hypnos-package.sig").exists()
    (tmp_path / "keys.json").write_text("{}")
    with pytest.raises(InputError, match="format must be 'hypnos-trusted-keys/1'"):
        trust(tmp_path / "keys.json", "a", "b")


def refused(capsys: pytest.CaptureFixture[str], argv: list[object], code: int) -> str:
    assert main([str(word) for word in argv]) == code
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    return error


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_no_key_is_made_for_a_damaged_package(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (package / "tokenizer.json").write_bytes(b"y")
    before = everything(tmp_path)
    key, trusted = tmp_path / "key.pem", tmp_path / "trusted-keys.json"
    refused(capsys, ["sign", package, "--key", key, "--new-key", "--trust", trusted], 5)
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "expected a JSON object"),
        ('{"format": "hypnos-trusted-keys/1"}', "keys must be a list of objects, found nothing"),
        ('{"format": "hypnos-trusted-keys/1", "keys": "x"}', "keys must be a list of objects, found 'x'"),
        ('{"format": "hypnos-trusted-keys/1", "keys": [1]}', "keys must be a list of objects"),
        ('{"format": "hypnos-trusted-keys/1", "keys": [{"name": "a"}]}', "keys/0: public_key must be a text"),
        (
            '{"format": "hypnos-trusted-keys/1", "keys": [{"name": "a", "public_key": "AAAA"}]}',
            "keys/0: public_key must be the base64 of 32 bytes, found 'AAAA'",
        ),
        (
            '{"format": "hypnos-trusted-keys/1", "keys": [{"name": "a", "public_key": "\u9ebb"}]}',
            "keys/0: public_key must be the base64 of 32 bytes",
        ),
        ('{"format": "hypnos-trusted-keys/1", "keys": [], "required": "no"}', "required must be true or false"),
        ('{"format": ["x"], "keys": []}', "format must be 'hypnos-trusted-keys/1'"),
    ],
)
def test_a_list_of_keys_is_read_before_anything_is_written(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
):
    trusted = tmp_path / "trusted-keys.json"
    trusted.write_text(content)
    before = everything(tmp_path)
    error = refused(capsys, ["sign", package, "--key", tmp_path / "key.pem", "--new-key", "--trust", trusted], 3)
    assert f"{trusted}" in error and message in error
    assert len(error.splitlines()) == 1
    assert everything(tmp_path) == before


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, stdin=subprocess.DEVNULL)


def test_other_keys_get_a_plain_sentence(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    plain = tmp_path / "plain.pem"
    create_key(plain)
    folder = tmp_path / "keys"
    folder.mkdir()
    openssl("pkey", "-in", plain, "-aes256", "-passout", "pass:secret", "-out", folder / "encrypted.pem")
    openssl("pkey", "-in", plain, "-pubout", "-out", folder / "public.pem")
    openssl("genpkey", "-algorithm", "x25519", "-out", folder / "x25519.pem")
    openssl("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:1024", "-out", folder / "rsa.pem")
    openssl("genpkey", "-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", folder / "ec.pem")
    (folder / "damaged.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    (folder / "text.pem").write_text("no key")
    (folder / "dangling.pem").symlink_to("nowhere")
    sentences = {
        "encrypted.pem": "the private key is encrypted; decrypt it first: openssl pkey",
        "public.pem": "this is a public key; --key takes a private Ed25519 key",
        "x25519.pem": "not an Ed25519 key but one of another kind",
        "rsa.pem": "not an Ed25519 key but one of another kind",
        "ec.pem": "not an Ed25519 key but one of another kind",
        "damaged.pem": "the private key is damaged",
        "text.pem": "no private key in PEM",
        "dangling.pem": "it is a link to nowhere, which does not exist",
        "absent.pem": "is missing",
        "": "cannot be read: it is a folder",
    }
    before = everything(tmp_path)
    for name, sentence in sentences.items():
        error = refused(capsys, ["sign", package, "--key", folder / name], 3)
        assert sentence in error, error
        assert str(folder / name) in error
        assert len(error.splitlines()) == 1
    assert everything(tmp_path) == before


@pytest.mark.parametrize("place", ["signature", "trust", "key"])
def test_what_cannot_be_written_leaves_nothing(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
):
    key, trusted = tmp_path / "key.pem", tmp_path / "trusted-keys.json"
    if place == "signature":
        (package / "hypnos-package.sig").mkdir()
    elif place == "trust":
        trusted = tmp_path / "absent" / "trusted-keys.json"
    else:
        key = tmp_path / "absent" / "key.pem"
    before = everything(tmp_path)
    error = refused(capsys, ["sign", package, "--key", key, "--new-key", "--trust", trusted], 4)
    assert "cannot be written" in error
    assert everything(tmp_path) == before
    assert not any(path.name.endswith(".tmp") for path in tmp_path.rglob("*"))


def test_a_package_is_signed_from_within(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(package)
    create_key(tmp_path / "key.pem")
    assert main(["sign", ".", "--key", "../key.pem"]) == 0
    assert manifest.verify(package)["id"] == "tiny"
    assert (tmp_path / "key.pem").exists()


def test_a_name_that_is_no_text(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("\udcff", ""):
        with pytest.raises(SystemExit) as end:
            main(["sign", str(package), "--key", str(tmp_path / "k"), "--name", name])
        assert end.value.code == 2
        assert "argument --name" in capsys.readouterr().err
