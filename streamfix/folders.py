"""Where things lie that outlast a run."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def user_cache_folder() -> Path | None:
    """The user's `streamfix` cache folder, which need not be there yet; None for a user without a home.

    $XDG_CACHE_HOME/streamfix, by default ~/.cache/streamfix (XDG base directory specification 0.8).
    """
    try:
        folder = platformdirs.user_cache_path("streamfix", appauthor=False)
    except RuntimeError:  # no home can be found
        return None
    return folder if folder.is_absolute() else None
