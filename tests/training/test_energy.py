"""Joules of a counter that begins anew, over intervals and over processes."""

import sys
from types import SimpleNamespace

import pytest
import torch

from basin.training import energy
from basin.training.meter import Meter


def write(package, joules):
    package.mkdir(exist_ok=True)
    (package / "energy_uj").write_text(f"{joules * 1_000_000}\n")
    (package / "max_energy_range_uj").write_text(f"{100 * 1_000_000 - 1}\n")


def test_packages_are_added_and_a_counter_may_begin_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    assert energy.energy_counter(torch.device("cpu")) is None
    first, second = tmp_path / "intel-rapl:0", tmp_path / "intel-rapl:1"
    write(first, 90)
    write(second, 10)
    counter = energy.energy_counter(torch.device("cpu"))
    write(first, 5)
    write(second, 12)
    assert counter() == 17.0
    write(first, 6)
    assert counter() == 18.0


def test_a_gpu_is_found_by_its_uuid(monkeypatch):
    class NVMLError(Exception):
        pass

    def handle(uuid):
        if uuid != "GPU-1234":
            raise NVMLError(uuid)
        return "a handle"

    module = SimpleNamespace(nvmlInit=lambda: None, NVMLError=NVMLError)
    module.nvmlDeviceGetHandleByUUID = handle
    module.nvmlDeviceGetTotalEnergyConsumption = {"a handle": 2500}.__getitem__
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.setattr(energy, "find_spec", lambda name: name)
    for uuid, joules in (("1234", 2.5), ("hidden", None)):
        found = SimpleNamespace(uuid=uuid)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device, p=found: p)
        counter = energy.energy_counter(torch.device("cuda", 0))
        assert (counter() if counter else None) == joules


@pytest.mark.parametrize(("before", "total"), [(100.0, 107.0), (None, None)])
def test_evaluation_does_not_count_and_an_unmeasured_part_makes_all_unknown(before, total):
    readings = iter([10.0, 14.0, 50.0, 53.0])
    meter = Meter(lambda: next(readings))
    meter.go_on(60.0, before)
    for _ in range(2):
        meter.start(0)
        meter.stop()
    assert meter.joules == total and meter.seconds > 60
    assert Meter().joules is None
