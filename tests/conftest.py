import os

import pytest
import torch

os.environ.setdefault("WANDB_MODE", "offline")
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _same_numbers_whatever_ran_before():
    torch.manual_seed(0)
