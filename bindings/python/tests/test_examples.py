"""The examples as they stand, in an environment with nothing but the wheel."""

import os
import re
import signal
import subprocess
import sys
import threading
import venv
from pathlib import Path

import pytest

from support import DEADLINE_SECONDS, REPOSITORY

EXAMPLES = REPOSITORY / "examples/python"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh virtual environment."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin/python"
    install = ["install", "--quiet", "--disable-pip-version-check", "--no-index", os.environ["PARLOR_WHEEL"]]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True)
    return python


class Example:
    """An example that runs, and what it has printed."""

    def __init__(self, python: Path, name: str, url: str, *options: str) -> None:
        command = [python, "-u", EXAMPLES / name / "main.py", url, "pk_dev", "examples", *options]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self.output = ""
        # Whoever waits for a line that never comes sees the output end.
        self._patience = threading.Timer(2 * DEADLINE_SECONDS, self._process.kill)
        self._patience.start()

    def read_until(self, *patterns: str) -> None:
        """Reads until every pattern was printed."""
        wanted = [re.compile(pattern, re.MULTILINE) for pattern in patterns]
        while not all(pattern.search(self.output) for pattern in wanted):
            line = self._process.stdout.readline()  # type: ignore[union-attr]
            assert line, f"ended before {patterns}:\n{self.output}{self.end()}"
            self.output += line

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def end(self) -> str:
        """Ends the input and returns what went wrong."""
        rest, complaints = self._process.communicate(timeout=DEADLINE_SECONDS)
        self._patience.cancel()
        self.output += rest
        return complaints

    def code(self) -> int:
        return self._process.returncode


def test_two_rooms_and_a_listener_meet(python: Path, url: str) -> None:
    ann = Example(python, "room", url)
    ann.read_until(r"^joined examples as \S+$")
    bob = Example(python, "room", url)
    listener = Example(python, "listen", url)
    connected = [r"^\S+ joined$", r"^\S+ is connected$", r'^\S+ sends \{"role": ?"camera"\}$']
    bob.read_until(*connected)
    listener.read_until(r"^listening in examples$", r"^track \d+: -1\d dBFS$", r"^track \d+: picture 31, 640x360")
    assert (bob.end(), bob.code()) == ("", 0)
    assert re.search(r"^left$", bob.output, re.MULTILINE)
    ann.read_until(*connected, r"^\S+ sends a stream no more$", r"^\S+ left$")
    ann.interrupt()
    assert (ann.end(), ann.code()) == ("", 0)
    assert (listener.end(), listener.code()) == ("", 0)


def test_two_greet_each_other(python: Path, url: str) -> None:
    ann = Example(python, "message", url)
    ann.read_until("^joined examples$")
    bob = Example(python, "message", url)
    ann.read_until(
        r'^peer \d+ to all: \{"text": ?"hello, all"\}$',
        r'^peer \d+ to me: \{"text": ?"hello, you"\}$',
        r"^peer \d+ on its channel: hello, straight$",
    )
    bob.read_until(r'^peer \d+ to me: \{"text": ?"hello, you"\}$', r"^peer \d+ on its channel: hello, straight$")
    assert (ann.end(), bob.end()) == ("", "")


def test_an_example_ends_by_itself_and_says_what_failed(python: Path, url: str) -> None:
    room = Example(python, "room", url, "--seconds", "0.2")
    assert (room.end(), room.code()) == ("", 0)
    refused = Example(python, "listen", "ws://example.org")
    assert refused.end().startswith("listen: ") and refused.code() == 1
