import sys

from basin.logger.tensorboard import TensorBoard


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    return {
        tag: [(e.step, round(e.value, 4)) for e in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def line(epoch, error):
    return {
        "epoch": epoch,
        "step": epoch * 10,
        "solutions": {"last": {"test": {"error": error}}},
        "selected": "test",
        "lr": None,
    }


def test_writes_what_tensorboard_reads(tmp_path):
    log = TensorBoard(tmp_path)
    log.progress({"t": 0.5})
    log.epoch(line(1, 0.5))
    log.epoch(line(2, 0.25))
    log.finish({})
    assert read(tmp_path) == {
        "epoch": [(10, 1), (20, 2)],
        "solutions/last/test/error": [(10, 0.5), (20, 0.25)],
    }


def test_a_continued_run_replaces_the_steps_that_it_repeats(tmp_path):
    first = TensorBoard(tmp_path)
    for epoch in (1, 2, 3):
        first.epoch(line(epoch, 0.5))
    second = TensorBoard(tmp_path)  # the first was killed
    second.epoch(line(2, 0.25))
    first.finish({})
    second.finish({})
    assert read(tmp_path)["solutions/last/test/error"] == [(10, 0.5), (20, 0.25)]


def test_its_absence_is_one_notice(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    log = TensorBoard(tmp_path)
    log.epoch(line(1, 0.5))
    log.finish({})
    [notice] = capsys.readouterr().err.splitlines()
    assert 'pip install "basin[tensorboard]"' in notice


def test_a_failure_while_logging_is_one_notice(tmp_path, capsys):
    (tmp_path / "tensorboard").write_text("a file where the folder should be")
    log = TensorBoard(tmp_path)
    log.epoch(line(1, 0.5))
    log.epoch(line(2, 0.5))
    log.finish({})
    [notice] = capsys.readouterr().err.splitlines()
    assert notice.startswith("TensorBoard failed (")
