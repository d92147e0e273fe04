"""Hides secrets in URLs, options and headers before anybody is shown them."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Mapping
from urllib.parse import quote

HIDDEN = "***"
_SHORTEST = 4  # a shorter secret would be found in every other word

_hiding = threading.Lock()
_secrets: tuple[str, ...] = ()  # the longest first; replaced, never changed

# Names whose values are secrets wherever they stand: in a query, between options, in a header.
_ALWAYS = (
    r"(?:passphrase|password|passwd|pubpasswd|pwd|secret|token|accesstoken|access_?key|api_?key|"
    r"stream_?key|rtmp_playpath|playpath|rtmp_conn|security-token|signature|credential|decryption_key|encryption_key|private_key|srtp_in_params|"
    r"srtp_out_params)"
)
# Names that mean other things in other places; in a URL's query they are secrets.
_IN_QUERY = r"(?:[a-z0-9_.-]*[_.-])?(?:key|pass|pw|auth|authorization|sig|sign|hmac|jwt|session|sid|policy|code|hash)"
_VALUE = r"[^\s&;#'\"<>|]+"

# Texts may come from anybody: each repetition is bounded, or ends where it could begin again, so that the time a text
# takes grows with its length alone.
# As libavformat splits: the authority ends at the first slash, its user part at the last @.
_USER = re.compile(r"(?<=[a-z0-9+.-]://)[^\s/?#]*@", re.IGNORECASE)
# A password with a slash, which belongs into a URL as %2F: the port would be no number.
_TORN_USER = re.compile(r"(?<=[a-z0-9+.-]://)[^\s/?#@:]+:(?!\d*(?:[/?#\s'\"]|$))[^\s@]{0,4096}@", re.IGNORECASE)
_NAMED = re.compile(rf"(?<![a-z0-9])({_ALWAYS})(\s*[=]\s*)(?:'[^']*'|\"[^\"]*\"|{_VALUE})", re.IGNORECASE)
_QUERY = re.compile(rf"([?&;]{_IN_QUERY}=){_VALUE}", re.IGNORECASE)
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]{0,64}(?:key|token))(\s*:\s*)[^\r\n'\"]+", re.IGNORECASE
)
# MediaMTX: publish:path:user:password
_STREAM_ID = re.compile(r"(\b(?:srt_)?streamid=(?:publish|read):[^\s:&;'\"]+:)[^\s&;'\"]+", re.IGNORECASE)
# The last part of an RTMP path, behind the application, is the key of whoever may publish there, however it looks.
_RTMP = re.compile(r"(rtmp[a-z]{0,4}://[^\s'\"?#/]+/[^\s'\"?#/]+/)([^\s'\"?#]+)", re.IGNORECASE)
_AROUND = ".,:;)]"  # of the sentence that a URL stands in

_SECRET_NAME = re.compile(rf"(?:[a-z0-9_.-]*[_.-])?{_ALWAYS}|{_IN_QUERY}|headers|cookies", re.IGNORECASE)
# ffmpeg's options of such names that hold no secret.
_HARMLESS = frozenset({"pass", "policy", "code", "hash", "sign"})


def redact(text: str) -> str:
    """Replace the secrets in a text by `***`; the rest stays. Whatever shows a URL passes it through here.

    Secrets are: the user part of a URL, passphrases, passwords, tokens, keys and signatures in queries and options,
    authorization and cookie headers, stream keys of RTMP, the users of an SRT streamid, and what `hide` was given.
    """
    for secret in _secrets:
        text = text.replace(secret, HIDDEN)
    text = _TORN_USER.sub(f"{HIDDEN}@", text)
    text = _USER.sub(f"{HIDDEN}@", text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _STREAM_ID.sub(rf"\1{HIDDEN}", text)
    text = _NAMED.sub(rf"\1\2{HIDDEN}", text)
    text = _QUERY.sub(rf"\1{HIDDEN}", text)
    return _RTMP.sub(_without_key, text)


def hide(secret: str) -> None:
    """Make `redact` hide a secret wherever it stands, also percent-encoded. From any thread.

    A secret that is a whole URL is not hidden as one: only the secrets inside it are, so that messages can still name
    the server that does not answer.
    """
    global _secrets
    if len(secret) < _SHORTEST or "://" in secret or secret in _secrets:
        return
    forms = {secret, quote(secret, safe=""), quote(secret), quote(secret, safe="!$'()*,;~")}
    with _hiding:
        _secrets = tuple(sorted({*_secrets, *forms}, key=lambda form: (-len(form), form)))


def redact_options(options: Mapping[str, str]) -> dict[str, str]:
    """Options by name, with secret values hidden and the others redacted."""
    return {
        name: HIDDEN if _SECRET_NAME.fullmatch(name) and name.lower() not in _HARMLESS else redact(value)
        for name, value in options.items()
    }


def has_secret(url: str) -> bool:
    """True if a URL holds something that must not be shown, not even in the list of processes."""
    return redact(url) != url


def _without_key(url: re.Match[str]) -> str:
    path = url[2].rstrip(_AROUND)
    folder, slash, _ = path.rstrip("/").rpartition("/")
    return f"{url[1]}{folder}{slash}{HIDDEN if path else ''}{url[2][len(path) :]}"


def main() -> None:
    """Copy stdin to stderr line by line, redacted: for what libav itself writes."""
    for line in sys.stdin.buffer:
        sys.stderr.write(redact(line.decode(errors="backslashreplace")))
        sys.stderr.flush()


if __name__ == "__main__":
    main()
