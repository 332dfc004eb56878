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
    with pytest.raises(InputError, match="openssl pkey"):
        sign(package, other)
    (package / "tokenizer.json").write_bytes(b"y")
    with pytest.raises(PackageError, match="content changed"):
        sign(package, key)
    assert not (package / "hypnos-package.sig").exists()
    (tmp_path / "keys.json").write_text("{}")
    with pytest.raises(InputError, match="trusted-keys"):
        trust(tmp_path / "keys.json", "a", "b")
