"""`python -m ganzoo`: the command line, as torchrun starts it."""

import sys

from ganzoo.cli import main

if __name__ == "__main__":
    sys.exit(main())
