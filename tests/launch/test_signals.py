import os
import signal
import subprocess
import sys
import threading

import pytest

from basin.launch.signals import STOPPING, Interrupt


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_is_a_flag_and_the_handler_before_comes_back(number):
    before = signal.getsignal(number)
    with Interrupt() as interrupt:
        assert not interrupt.requested
        assert interrupt.signal is None
        os.kill(os.getpid(), number)
        assert interrupt.requested
        assert interrupt.signal == number
        assert interrupt.resignal() == 128 + number
    assert signal.getsignal(number) is before


def test_a_second_sigint_is_a_keyboard_interrupt():
    before = signal.getsignal(signal.SIGINT)  # a background job of a shell ignores it
    with pytest.raises(KeyboardInterrupt), Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.requested
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_resignal_calls_every_handler_that_waited(monkeypatch):
    calls = []
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR2)}
    try:
        for number in before:
            signal.signal(number, lambda *arguments: calls.append(arguments))
        with Interrupt() as interrupt:
            for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGTERM):
                os.kill(os.getpid(), number)
            assert calls == []
            assert interrupt.resignal() == 128 + signal.SIGTERM
        assert calls == [(signal.SIGTERM, None), (signal.SIGUSR2, None)]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_resignal_lets_a_handler_leave():
    before = signal.signal(signal.SIGUSR1, lambda *arguments: sys.exit(9))
    try:
        with Interrupt() as interrupt, pytest.raises(SystemExit) as caught:
            os.kill(os.getpid(), signal.SIGUSR1)
            interrupt.resignal()
        assert caught.value.code == 9
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_another_thread_takes_no_signals():
    requested = []

    def work():
        with Interrupt() as interrupt:
            requested.append(interrupt.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert requested == [False]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_process_in_the_background_of_a_script_can_be_interrupted(tmp_path):
    """A shell without job control starts its background jobs with SIGINT ignored."""
    script = (
        "import time\n"
        "from basin.launch.signals import Interrupt\n"
        "with Interrupt() as interrupt:\n"
        "    print('ready', flush=True)\n"
        "    while not interrupt.requested:\n"
        "        time.sleep(0.01)\n"
        "raise SystemExit(interrupt.resignal())\n"
    )
    (tmp_path / "script.py").write_text(script)
    shell = (
        f"{sys.executable} {tmp_path}/script.py > {tmp_path}/out & \n"
        f"while ! grep -q ready {tmp_path}/out; do sleep 0.05; done; kill -INT $!; wait $!"
    )
    ended = subprocess.run(["sh", "-c", shell], timeout=30, check=False)
    assert ended.returncode == 130
