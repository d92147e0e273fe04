"""`python -m streamfix` is `streamfix`."""

import sys

from .apps.cli import main

if __name__ == "__main__":
    sys.exit(main())
