"""What only a CUDA device can show. Run by `pytest -m gpu` where there is one."""

import signal

import pytest
import torch
from commands import MINI, Command, bitwise, final_weights, run
from test_optimizer_contract import OPTIONS, make
from toy import build, sgd

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
GPU = [argument for argument in MINI if argument != "device=cpu"] + ["device=cuda"]


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_killed_run_is_bitwise_the_undisturbed_one(precision, optimizer, tmp_path):
    arguments = [*GPU, f"precision={precision}", f"optimizer={optimizer}", "runtime=deterministic"]
    kill_at = ("basin.training.reporting", "predict", 2)
    first = Command(*arguments, f"results={tmp_path}/a", output=tmp_path / "o", kill_at=kill_at)
    assert first.wait(300) == -signal.SIGKILL, first.text()
    run(*arguments, f"results={tmp_path}/a", output=tmp_path / "o")
    run(*arguments, f"results={tmp_path}/b", output=tmp_path / "o")
    assert bitwise(final_weights(tmp_path / "a"), final_weights(tmp_path / "b"))


def test_compiled(tmp_path):
    command = Command(*GPU, "runtime=compile", f"results={tmp_path}", output=tmp_path / "o")
    assert command.wait(400) == 0, command.text()


def test_no_update_waits_for_the_device():
    from toy import Around

    from basin.training.precision import Precision

    cuda = torch.device("cuda", 0)
    parts = build(lambda g, m: (sgd(g), {}, {}), precision=Precision("fp32", cuda), device=cuda)
    around = Around(parts)
    state = parts.state
    for step in range(6):
        if step == 3:  # kernels are loaded, workspaces allocated
            torch.cuda.set_sync_debug_mode("error")
        around.begin(state)
        parts.closure.resample()
        state.optimizer.step(parts.closure)
        state.counters.step += 1
        around.end(state)
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("option", OPTIONS)
def test_no_optimizer_waits_for_the_device(option):
    from basin.training.precision import Precision

    cuda = torch.device("cuda", 0)
    parts = make(option, precision=Precision("fp32", cuda), device=cuda)
    try:
        for step in range(6):
            if step == 3:
                torch.cuda.set_sync_debug_mode("error")
            parts.closure.resample()
            parts.state.optimizer.step(parts.closure)
    finally:
        torch.cuda.set_sync_debug_mode("default")
