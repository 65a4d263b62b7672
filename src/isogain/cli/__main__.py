"""`python -m isogain.cli` is the command `isogain`."""

from isogain.cli.app import main

main()
