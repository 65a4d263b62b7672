"""Runs a function on several processes that know each other, as torchrun would, at a fraction of its cost.

Their time is otherwise that of their imports: each `spawn` reads torch anew.  Here one clean process, which has
never computed and so has no threads, imports once what all need (`preloaded`), and each process is a fork of it.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
from collections.abc import Callable
from multiprocessing import forkserver
from typing import Any

import pytest
from torch.multiprocessing.spawn import start_processes

__all__ = ["run_on"]


def run_on(run: Callable[..., None], world: int) -> dict[Any, Any]:
    """What the processes of `run(rank, world, port, results)` found."""
    _begin()
    with multiprocessing.get_context("forkserver").Manager() as manager:
        results = manager.dict()
        start_processes(run, (world, _free_port(), results), nprocs=world, start_method="forkserver")  # type: ignore[no-untyped-call]
        return dict(results)


def _begin() -> None:
    """The process that all are forks of; once for all tests."""
    forkserver.set_forkserver_preload(["preloaded"])
    with pytest.MonkeyPatch.context() as patch:  # it hears of no other path before it has imported
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        patch.setenv("OMP_NUM_THREADS", "1")
        forkserver.ensure_running()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
