"""Signatures of packages: Ed25519 (RFC 8032) over the exact bytes of ``hypnos-package.json``.

The manifest names every other file by its SHA-256, so its signature covers them all.

    private key (PEM) --openssl--> hypnos-package.sig beside the manifest --> src/packages/signature.ts in the page

OpenSSL does the arithmetic: its command-line tool (1.1.1 or newer) must be installed where packages are signed. A
hospital trusts a key by listing its public half in ``models/trusted-keys.json`` of the server that serves the page.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from .errors import InputError, OutputError
from .inputs import Fields, one_line, present, read_bytes, read_json_object
from .manifest import MANIFEST_NAME, SIGNATURE_NAME, to_json, verify
from .staging import replacing

_ED25519 = bytes.fromhex("302a300506032b6570032100")
"""What a SubjectPublicKeyInfo of Ed25519 (RFC 8410) begins with; the 32 bytes of the key follow."""
_RAW_KEY_BYTES = 32
_TRUSTED_FORMAT = "hypnos-trusted-keys/1"


def create_key(path: str | Path) -> str:
    """Make a private key, readable by its owner only.

    Returns:
        The public key: base64 of its 32 bytes.

    Raises:
        InputError: the file exists, or OpenSSL is not installed.
        OutputError: it cannot be written.
    """
    path = Path(path)
    _refuse_existing(path)
    pem = _openssl("genpkey", "-algorithm", "ed25519")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise OutputError(f"{path}: the key cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        return public_key(path)
    except BaseException as error:
        path.unlink()
        if isinstance(error, OSError):
            raise OutputError(f"{path}: the key cannot be written: {error.strerror}") from error
        raise


def public_key(private_key: str | Path) -> str:
    """Base64 of the 32 bytes of a private key's public half.

    Raises:
        InputError: the file is no private Ed25519 key in PEM that can be used as it is; the message says what it is.
    """
    path = Path(private_key)
    pem = read_bytes(path, _KEY_FILE_BYTES)
    if b"BEGIN ENCRYPTED PRIVATE KEY" in pem or b"Proc-Type: 4,ENCRYPTED" in pem:
        raise InputError(
            f"{path}: the private key is encrypted; decrypt it first: openssl pkey -in {path} -out PLAIN.pem"
        )
    if b"PRIVATE KEY-----" not in pem:
        what = "a public key" if b"BEGIN PUBLIC KEY" in pem else "no private key in PEM"
        raise InputError(f"{path}: this is {what}; --key takes a private Ed25519 key, which --new-key makes")
    try:
        der = _openssl("pkey", "-in", os.path.abspath(path), "-pubout", "-outform", "DER")
    except InputError as error:
        raise InputError(f"{path}: the private key is damaged: {error}") from error
    if not der.startswith(_ED25519) or len(der) != len(_ED25519) + _RAW_KEY_BYTES:
        raise InputError(f"{path}: not an Ed25519 key but one of another kind; --new-key makes one that fits")
    return base64.b64encode(der[-_RAW_KEY_BYTES:]).decode()


def sign(
    folder: str | Path,
    private_key: str | Path,
    *,
    new_key: bool = False,
    trust_file: str | Path | None = None,
    name: str = "Hypnos",
) -> str:
    """Verify a package, then write ``hypnos-package.sig`` into it: all that is asked for, or nothing.

    Args:
        new_key: make the private key; it is not kept if anything else fails.
        trust_file: a trusted-keys.json that gets the public key under ``name``, made where there is none.

    Returns:
        The public key: base64 of its 32 bytes.

    Raises:
        PackageError: the package does not match its manifest.
        InputError: the key or ``trust_file`` cannot be used, or OpenSSL is not installed.
        OutputError: something cannot be written.
    """
    # Absolute, with links followed: the signature is prepared beside the package, wherever it is called from.
    folder = Path(folder).resolve()
    trusted = None if trust_file is None else _read_trusted(Path(trust_file))
    if new_key:
        _refuse_existing(Path(private_key))
    else:
        public_key(private_key)
    verify(folder)
    public = create_key(private_key) if new_key else public_key(private_key)
    try:
        signature = _openssl(
            "pkeyutl", "-sign", "-rawin", "-inkey", os.path.abspath(private_key), "-in", str(folder / MANIFEST_NAME)
        )
        value = {
            "format": "hypnos-signature/1",
            "public_key": public,
            "signature": base64.b64encode(signature).decode(),
        }
        with replacing(folder / SIGNATURE_NAME, to_json(value), beside=folder.with_name(f".{folder.name}.sig.tmp")):
            if trusted is not None and trust_file is not None:
                with replacing(Path(trust_file), to_json(_with_key(trusted, name, public))):
                    pass
    except BaseException:
        if new_key:
            Path(private_key).unlink()
        raise
    return public


def trust(path: str | Path, name: str, public: str) -> None:
    """Add a public key under a name to a ``trusted-keys.json``, made where there is none.

    Raises:
        InputError: the file is something else.
        OutputError: it cannot be written.
    """
    path = Path(path)
    with replacing(path, to_json(_with_key(_read_trusted(path), name, public))):
        pass


def _read_trusted(path: Path) -> dict[str, Any]:
    if not present(path):
        return {"format": _TRUSTED_FORMAT, "required": False, "keys": []}
    value = read_json_object(path)
    fields = Fields(value, path)
    if value.get("format") != _TRUSTED_FORMAT:
        fields.refuse("format", f"{_TRUSTED_FORMAT!r}, which says that this is a trusted-keys.json")
    fields.flag("required")
    for key in fields.objects("keys"):
        key.text("name")
        try:
            size = len(base64.b64decode(key.text("public_key"), validate=True))
        except ValueError:
            size = 0
        if size != _RAW_KEY_BYTES:
            key.refuse("public_key", f"the base64 of {_RAW_KEY_BYTES} bytes")
    return value


def _with_key(trusted: dict[str, Any], name: str, public: str) -> dict[str, Any]:
    others = [key for key in trusted["keys"] if key["public_key"] != public]
    return {**trusted, "keys": [*others, {"name": name, "public_key": public}]}


def _refuse_existing(path: Path) -> None:
    if present(path):
        raise InputError(f"{path} exists; a key that is lost cannot be made again, so it is not overwritten")


_KEY_FILE_BYTES = 1 << 20


def _openssl(*arguments: str) -> bytes:
    program = shutil.which("openssl")
    if program is None:
        raise InputError("signing needs the openssl program (1.1.1 or newer) on the PATH")
    # Without a terminal to ask at: nobody may be there to answer.
    done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(f"openssl {arguments[0]}: {one_line(reason[0]) if reason else done.returncode}")
    return done.stdout
