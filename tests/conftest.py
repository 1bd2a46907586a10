import multiprocessing
import os
from multiprocessing import forkserver

import pytest
import torch
from commands import PRELOAD

os.environ.setdefault("WANDB_MODE", "offline")
torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _processes_start_in_a_moment():
    """The fork server begins here: whoever were its first user would choose what it loads."""
    multiprocessing.set_forkserver_preload(PRELOAD)
    forkserver.ensure_running()


@pytest.fixture(autouse=True)
def _same_numbers_whatever_ran_before():
    torch.manual_seed(0)
