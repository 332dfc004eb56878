"""Signatures of packages: Ed25519 (RFC 8032) over the exact bytes of ``hypnos-package.json``.

The manifest names every other file by its SHA-256, so its signature covers them all.

    private key (PEM) --openssl--> hypnos-package.sig beside the manifest --> src/packages/signature.ts in the page

OpenSSL does the arithmetic: its command-line tool (1.1.1 or newer) must be installed where packages are signed. A
hospital trusts a key by listing its public half in ``models/trusted-keys.json`` of the server that serves the page.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .errors import InputError
from .manifest import MANIFEST_NAME, SIGNATURE_NAME, to_json, verify

_RAW_KEY_BYTES = 32
"""A SubjectPublicKeyInfo of Ed25519 (RFC 8410) ends in the key itself."""


def create_key(path: str | Path) -> str:
    """Make a private key, readable by its owner only.

    Returns:
        The public key: base64 of its 32 bytes.

    Raises:
        InputError: the file exists, or OpenSSL is not installed.
    """
    path = Path(path)
    if path.exists():
        raise InputError(f"{path} exists; a key that is lost cannot be made again, so it is not overwritten")
    pem = _openssl("genpkey", "-algorithm", "ed25519")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    return public_key(path)


def public_key(private_key: str | Path) -> str:
    """Base64 of the 32 bytes of a private key's public half.

    Raises:
        InputError: the file is no Ed25519 key in PEM.
    """
    der = _openssl("pkey", "-in", str(private_key), "-pubout", "-outform", "DER")
    if len(der) != 44:  # 12 bytes of RFC 8410's prefix
        raise InputError(f"{private_key}: not an Ed25519 key")
    return base64.b64encode(der[-_RAW_KEY_BYTES:]).decode()


def sign(folder: str | Path, private_key: str | Path) -> str:
    """Verify a package, then write ``hypnos-package.sig`` into it (whole or not at all).

    Returns:
        The public key: base64 of its 32 bytes.

    Raises:
        PackageError: the package does not match its manifest.
        InputError: the key cannot be used, or OpenSSL is not installed.
    """
    folder = Path(folder)
    verify(folder)
    public = public_key(private_key)
    manifest = folder / MANIFEST_NAME
    signature = _openssl("pkeyutl", "-sign", "-rawin", "-inkey", str(private_key), "-in", str(manifest))
    value = {
        "format": "hypnos-signature/1",
        "public_key": public,
        "signature": base64.b64encode(signature).decode(),
    }
    with tempfile.NamedTemporaryFile(dir=folder.parent, delete=False) as staged:
        staged.write(to_json(value))
    os.chmod(staged.name, 0o644)
    os.replace(staged.name, folder / SIGNATURE_NAME)
    return public


def trust(path: str | Path, name: str, public: str) -> None:
    """Add a public key under a name to a ``trusted-keys.json``, made where there is none.

    Raises:
        InputError: the file is something else.
    """
    path = Path(path)
    value = {"format": "hypnos-trusted-keys/1", "required": False, "keys": []}
    if path.exists():
        try:
            value = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise InputError(f"{path}: not JSON ({error})") from error
        if not isinstance(value, dict) or value.get("format") != "hypnos-trusted-keys/1":
            raise InputError(f"{path}: not a hypnos-trusted-keys/1")
    value["keys"] = [key for key in value["keys"] if key["public_key"] != public]
    value["keys"].append({"name": name, "public_key": public})
    staged = path.with_name(f".{path.name}.staged")
    staged.write_bytes(to_json(value))
    os.replace(staged, path)


def _openssl(*arguments: str) -> bytes:
    program = shutil.which("openssl")
    if program is None:
        raise InputError("signing needs the openssl program (1.1.1 or newer) on the PATH")
    done = subprocess.run([program, *arguments], capture_output=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(f"openssl {arguments[0]}: {reason[0] if reason else done.returncode}")
    return done.stdout
