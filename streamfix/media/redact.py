"""Hides secrets in URLs, options and headers before anybody is shown them."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Mapping
from functools import cache
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
_USER = r"(?<=[a-z0-9+.-]://)[^\s/?#]*@"
# A password with a slash, which belongs into a URL as %2F: the port would be no number.
_TORN_USER = r"(?<=[a-z0-9+.-]://)[^\s/?#@:]+:(?!\d*(?:[/?#\s'\"]|$))[^\s@]{0,4096}@"
_NAMED = rf"(?<![a-z0-9])({_ALWAYS})(\s*[=]\s*)(?:'[^']*'|\"[^\"]*\"|{_VALUE})"
_QUERY = rf"([?&;]{_IN_QUERY}=){_VALUE}"
_HEADER = r"\b((?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]{0,64}(?:key|token))(\s*:\s*)[^\r\n'\"]+"
# MediaMTX: publish:path:user:password
_STREAM_ID = r"(\b(?:srt_)?streamid=(?:publish|read):[^\s:&;'\"]+:)[^\s&;'\"]+"
# The last part of an RTMP path, behind the application, is the key of whoever may publish there, however it looks.
_RTMP = r"(rtmp[a-z]{0,4}://[^\s'\"?#/]+/[^\s'\"?#/]+/)([^\s'\"?#]+)"
_AROUND = ".,:;)]"  # of the sentence that a URL stands in

_SECRET_NAME = rf"(?:[a-z0-9_.-]*[_.-])?{_ALWAYS}|{_IN_QUERY}|headers|cookies"
# ffmpeg's options of such names that hold no secret.
_HARMLESS = frozenset({"pass", "policy", "code", "hash", "sign"})


def redact(text: str) -> str:
    """Replace the secrets in a text by `***`; the rest stays. Whatever shows a URL passes it through here.

    Secrets are: the user part of a URL, passphrases, passwords, tokens, keys and signatures in queries and options,
    authorization and cookie headers, stream keys of RTMP, the users of an SRT streamid, and what `hide` was given.
    """
    for secret in _secrets:
        text = text.replace(secret, HIDDEN)
    # Without the sign that a pattern asks for it is not even compiled: that would take milliseconds of each start.
    if has_url := "://" in text:
        text = _pattern(_TORN_USER).sub(f"{HIDDEN}@", text)
        text = _pattern(_USER).sub(f"{HIDDEN}@", text)
    if ":" in text:
        text = _pattern(_HEADER).sub(rf"\1\2{HIDDEN}", text)
    if "=" in text:
        text = _pattern(_STREAM_ID).sub(rf"\1{HIDDEN}", text)
        text = _pattern(_NAMED).sub(rf"\1\2{HIDDEN}", text)
        text = _pattern(_QUERY).sub(rf"\1{HIDDEN}", text)
    return _pattern(_RTMP).sub(_without_key, text) if has_url else text


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


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
        name: HIDDEN if _pattern(_SECRET_NAME).fullmatch(name) and name.lower() not in _HARMLESS else redact(value)
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
