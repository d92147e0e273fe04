"""C2PA content credentials in a viewing copy: what was done to it, signed, inside the file itself.

Source: C2PA Technical Specification 2.1, sections 15 (signatures) and 18 (assertions).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import __version__
from ...errors import InputError, OutputError, UsageError

# The file is a new one. What it was made of is named by hashes: a recorder's file is rarely one that C2PA can hold.
_ACTIONS = [
    {
        "action": "c2pa.created",
        "softwareAgent": {"name": "streamfix", "version": __version__},
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced",
    },
]
ENDINGS = (".mp4", ".mov", ".avi", ".m4v")


@dataclass(frozen=True, slots=True)
class Credentials:
    """certificate: PEM, the signer's first, then those above it. key: its private key, PEM, PKCS 8."""

    certificate: str
    key: str


def check(given: Credentials, url: str) -> None:
    """Raise UsageError or InputError unless the viewing copy can be signed so."""
    if Path(url).suffix.lower() not in ENDINGS:
        raise UsageError(f"-evidence_c2pa: {url}: credentials go into {', '.join(ENDINGS)}; name the viewing copy so")
    for path in (given.certificate, given.key):
        if not os.path.isfile(path):
            raise InputError(f"-evidence_c2pa {path}: there is no such file")
    _library()


def sign(viewing: Path, given: Credentials, record: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Put credentials into the viewing copy, in its place. Raises OutputError."""
    c2pa = _library()
    signed = viewing.with_name(f"{viewing.stem}.signing{viewing.suffix}")
    manifest = {
        "claim_generator_info": [{"name": "streamfix", "version": __version__}],
        "title": viewing.name,
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": _ACTIONS}},
            {"label": "org.streamfix.evidence", "data": summary(record, rows)},
        ],
    }
    try:
        signer_info = c2pa.C2paSignerInfo(
            alg=_algorithm(given.key),
            sign_cert=Path(given.certificate).read_bytes(),
            private_key=Path(given.key).read_bytes(),
            ta_url=None,
        )
        with c2pa.Signer.from_info(signer_info) as signer, c2pa.Builder(json.dumps(manifest)) as builder:
            builder.sign_file(str(viewing), str(signed), signer)
        os.replace(signed, viewing)
    except (c2pa.C2paError, OSError) as error:
        signed.unlink(missing_ok=True)
        raise OutputError(f"-evidence_c2pa: {viewing}: it could not be signed: {error}") from error


def summary(record: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What stands in the viewing copy: what it was made of, how, and one hash over all pictures' hashes."""
    import hashlib  # loads OpenSSL: milliseconds that nearly no start needs

    every = "".join(f"{row['output_sha256']}\n" for row in rows)
    return {
        "result": record["result"],
        "inputs": [{"name": one["name"], "sha256": one["sha256"]} for one in record["inputs"]],
        "vf": record["vf"],
        "frames": len(rows),
        "frames_sha256": hashlib.sha256(every.encode()).hexdigest(),
    }


def _algorithm(key: str) -> bytes:
    """C2PA's name for what the key signs with. Raises InputError."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = load_pem_private_key(Path(key).read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise InputError(f"-evidence_c2pa {key}: it is no private key in PEM without a password: {error}") from error
    if isinstance(found, ed25519.Ed25519PrivateKey):
        return b"ed25519"
    if isinstance(found, rsa.RSAPrivateKey):
        return b"ps256"
    curves = {"secp256r1": b"es256", "secp384r1": b"es384", "secp521r1": b"es512"}
    if isinstance(found, ec.EllipticCurvePrivateKey) and found.curve.name in curves:
        return curves[found.curve.name]
    raise InputError(f"-evidence_c2pa {key}: C2PA knows Ed25519, RSA, and the curves {', '.join(curves)}")


def _library() -> Any:
    try:
        import c2pa
        import cryptography  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f'-evidence_c2pa needs a package that is not installed ({error}); pip install "streamfix[c2pa]"'
        ) from error
    return c2pa
