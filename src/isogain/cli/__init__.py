"""The command: parse, one public call, print.  `isogain --help` lists what there is."""

from isogain.cli.app import main

__all__ = ["main"]
