"""``python -m edgeclf``: the same as the command ``edgeclf``."""

from edgeclf.cli import main

if __name__ == "__main__":
    main()
