"""``python -m netsurgery`` is the command line."""

from netsurgery.cli import main

if __name__ == "__main__":
    main()
