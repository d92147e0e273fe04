"""Secrets that a configuration refers to: `${env:NAME}`, `${file:/path}`, `${credential:NAME}`; `$${` is `${` itself.

The configuration keeps the references. A secret is read when a stream starts, goes into its job, and is shown
nowhere: from then on `redact` hides it in any text.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets as _random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import quote

from ....errors import UsageError
from ....media.redact import hide

Kind = Literal["env", "file", "credential"]

_OPENING = re.compile(r"\$?\$\{")
_KINDS: tuple[Kind, ...] = get_args(Kind)
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_MAX_BYTES = 64 * 1024
_HOW = "write ${env:NAME}, ${file:/path} or ${credential:NAME}, and $${ for a literal ${"


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference. name: a variable, the absolute path of a file, or a file of systemd's $CREDENTIALS_DIRECTORY."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"${{{self.kind}:{self.name}}}"


def references(text: str) -> list[Reference]:
    """The references in a text. Raises UsageError for a malformed one."""
    return [part for part in _parts(text) if isinstance(part, Reference)]


def masked(text: str) -> str | None:
    """The text with a word in place of each secret, to check its form; None if it is one secret as a whole."""
    parts = list(_parts(text))
    if len(parts) == 1 and isinstance(parts[0], Reference):
        return None
    return "".join(part if isinstance(part, str) else "secret" for part in parts)


class Secrets:
    """Resolves references, reading them each time: a changed file takes effect at a stream's next start."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._key = _random.token_bytes(32)

    def resolve(self, text: str) -> str:
        """The text with its secrets put in; percent-encoded inside a URL, so that no password ends the host part.

        Raises UsageError naming the reference and what is wrong with it.
        """
        parts = list(_parts(text))
        if len(parts) == 1 and isinstance(parts[0], Reference):
            return self._read(parts[0])
        in_url = bool(parts) and isinstance(parts[0], str) and _URL.match(parts[0]) is not None
        found = (part if isinstance(part, str) else self._read(part) for part in parts)
        if not in_url:
            return "".join(found)
        return "".join(
            value if isinstance(part, str) else quote(value, safe="!$'()*,;~")
            for part, value in zip(parts, found, strict=True)
        )

    def resolve_all(self, options: Mapping[str, str]) -> dict[str, str]:
        """The options with their secrets put in. Raises UsageError."""
        return {name: self.resolve(value) for name, value in options.items()}

    def digest(self, texts: Iterable[str]) -> str:
        """A fingerprint of the texts with their secrets put in: it differs once a secret has changed.

        It is keyed with a random number of this object, so it reveals nothing about the secrets.
        Raises UsageError.
        """
        code = hmac.new(self._key, digestmod=hashlib.sha256)
        for text in texts:
            value = self.resolve(text).encode()
            code.update(len(value).to_bytes(8, "big") + value)
        return code.hexdigest()

    def _read(self, reference: Reference) -> str:
        if reference.kind == "env":
            value = self._environment.get(reference.name)
            if value is None:
                raise UsageError(f"{reference}: the variable is not set; set it for the daemon")
        else:
            value = self._read_file(reference)
        if not value or any(ord(c) < 32 or ord(c) == 127 for c in value):
            what = "has line breaks or control characters" if value else "is empty"
            raise UsageError(f"{reference}: the secret {what}; give one line of text")
        hide(value)
        return value

    def _read_file(self, reference: Reference) -> str:
        path = Path(reference.name)
        if reference.kind == "credential":
            folder = self._environment.get("CREDENTIALS_DIRECTORY")
            if not folder:
                raise UsageError(
                    f"{reference}: systemd passes no credentials; add LoadCredential={reference.name}:PATH"
                )
            path = Path(folder, reference.name)
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
            value = data.decode()
        except OSError as error:
            raise UsageError(f"{reference}: {error.strerror}; the daemon must be able to read it") from None
        except UnicodeDecodeError:
            raise UsageError(f"{reference}: the file is not text in UTF-8") from None
        if len(data) > _MAX_BYTES:
            raise UsageError(f"{reference}: the file is larger than {_MAX_BYTES} bytes; it holds one secret")
        return value.removesuffix("\n").removesuffix("\r")


def _parts(text: str) -> Iterator[str | Reference]:
    """Literal text and references in order, adjacent text joined."""
    literal, at = "", 0
    for opening in _OPENING.finditer(text):
        if opening.start() < at:
            continue  # inside a reference's name
        literal += text[at : opening.start()]
        if len(opening[0]) == 3:
            literal, at = literal + "${", opening.end()
            continue
        end = text.find("}", opening.end())
        if end < 0:
            raise UsageError(f"a reference is opened with ${{ and not closed; {_HOW}")
        if literal:
            yield literal
        yield _reference(text[opening.end() : end])
        literal, at = "", end + 1
    if literal + text[at:]:
        yield literal + text[at:]


def _reference(body: str) -> Reference:
    kind, _, name = body.partition(":")
    for known in _KINDS:
        if kind != known:
            continue
        if known == "env" and not _ENV_NAME.fullmatch(name):
            raise UsageError(f"${{{body}}}: {name!r} is no variable's name; write it as in ${{env:CAM_PASSWORD}}")
        if known == "file" and not (name.startswith("/") and "\0" not in name):
            raise UsageError(f"${{{body}}}: give the file's absolute path, as in ${{file:/run/secrets/cam}}")
        if known == "credential" and not _CREDENTIAL_NAME.fullmatch(name):
            raise UsageError(f"${{{body}}}: {name!r} is no credential's name; write it as in ${{credential:cam}}")
        return Reference(known, name)
    raise UsageError(f"${{{body}}}: there is no such reference; {_HOW}")
