"""Ed25519 signatures of a record: who says that it is so. They lie beside it, as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import InputError, UsageError
from ...media import durable

ENDING = ".sig"
_WHAT = "streamfix ed25519"


def check(key: str) -> None:
    """Raise UsageError or InputError unless there is such a private key, and what reads it."""
    _private(key)


def sign(record: Path, key: str) -> Path:
    """Sign the record's bytes. key: a PEM file with an Ed25519 private key, without a password. Where it is written."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    private = _private(key)
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    path = beside(record)
    durable.write(path, f"{_WHAT}\n{public.hex()}\n{private.sign(record.read_bytes()).hex()}\n".encode())
    return path


def beside(record: Path) -> Path:
    """Where a record's signature lies."""
    return record.with_name(record.name + ENDING)


def verified(record: Path) -> str | None:
    """The public key, hexadecimal, that has signed the record; None if it is not signed.

    Raises InputError if the signature is not of these bytes.
    """
    path = beside(record)
    if not path.exists():
        return None
    _needed()
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        what, public, signed = path.read_text(encoding="ascii").split("\n")[:3]
        key, given = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)), bytes.fromhex(signed)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: it is no signature: {error}") from error
    if what != _WHAT:
        raise InputError(f"{path}: it is no signature of streamfix")
    try:
        key.verify(given, record.read_bytes())
    except InvalidSignature as error:
        raise InputError(
            f"{record}: it was changed after it was signed, or {path.name} is of another record"
        ) from error
    return public


def _private(key: str) -> Any:
    _needed()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = load_pem_private_key(Path(key).read_bytes(), password=None)
    except OSError as error:
        raise InputError(f"-evidence_key {key}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"-evidence_key {key}: it is no private key in PEM without a password: {error}") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise InputError(
            f"-evidence_key {key}: it is a {type(found).__name__}; make one with openssl genpkey -algorithm ed25519"
        )
    return found


def _needed() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f'signatures of evidence need a package that is not installed ({error}); pip install "streamfix[evidence]"'
        ) from error
