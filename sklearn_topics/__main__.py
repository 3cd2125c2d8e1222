"""``python -m sklearn_topics``."""

from ._cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
