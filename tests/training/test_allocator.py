"""Freed memory stays with the process, so that its pages are there in the next step."""

import ctypes
import multiprocessing
import resource

import pytest
import torch

from basin.training.allocator import keep_freed_memory

BLOCK = 48 * 2**20  # bytes; malloc by itself keeps 32 MiB at the most


def pages_faulted(keeps, pipe):
    """By a block that is made and freed again and again, the first times apart."""
    keep_freed_memory(torch.device("cpu" if keeps else "cuda"))
    for time in range(13):
        if time == 3:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(BLOCK, dtype=torch.uint8)
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="no glibc on this system"
)
def test_a_block_is_faulted_in_once():
    context = multiprocessing.get_context("forkserver")
    here, there = context.Pipe()
    found = []
    for keeps in (False, True):
        process = context.Process(target=pages_faulted, args=(keeps, there))
        process.start()
        found.append(here.recv())
        process.join()
    given_back, kept = found
    assert kept < 100 and given_back > 10 * BLOCK / 2**22  # pages of 2 MiB at the largest
