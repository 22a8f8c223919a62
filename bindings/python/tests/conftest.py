"""A development server for all tests, and one with a secret key for those that need tokens."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Iterator

import parlor
import pytest

from support import sign

GREETING = re.compile(r"(wss?://\S+)")


@pytest.fixture(scope="session")
def program() -> str:
    """The server's binary, which `cargo xtask` names."""
    return os.environ["PARLOR_SERVER"]


@pytest.fixture(scope="session")
def url(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server whose key `pk_dev` opens everything."""
    with running([program, "--dev"], {}, tmp_path_factory.mktemp("server")) as address:
        yield address


class TokenServer:
    def __init__(self, url: str, key: dict[str, str]) -> None:
        self.url = url
        self._key = key

    def token(self, subject: str) -> str:
        """Signs a token as an app's backend does."""
        return sign(self._key["id"], self._key["secret"], subject)


@pytest.fixture(scope="session")
def token_server(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenServer]:
    folder = tmp_path_factory.mktemp("token-server")
    env = {"PARLOR_DATABASE": str(folder / "parlor.db")}
    made = subprocess.run(
        [program, "keys", "create", "--json", "--secret"],
        env=os.environ | env, cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    (folder / "server.toml").touch()
    with running([program, "--config", "server.toml"], env, folder) as address:
        yield TokenServer(address, json.loads(made.stdout))


class running:
    """A server process that listens by the time it is entered."""

    def __init__(self, command: list[str], env: dict[str, str], folder: Path) -> None:
        env = os.environ | {"PARLOR_CONNECTS_PER_ADDRESS": "0"} | env
        with open(folder / "log", "wb") as log:
            self._process = subprocess.Popen(
                [*command, "--listen", "127.0.0.1:0"],
                env=env, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def __enter__(self) -> str:
        for line in self._process.stdout or ():
            if found := GREETING.search(line):
                return found[1]
        raise RuntimeError(f"the server ended at once ({self._process.wait()})")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=30)


@pytest.fixture(scope="session")
def engine() -> parlor.Engine:
    """Media of tests stays on this machine."""
    return parlor.Engine(parlor.EngineConfig(bind_addresses=["127.0.0.1"]))


@pytest.fixture
def config(url: str, engine: parlor.Engine) -> parlor.SessionConfig:
    return parlor.SessionConfig(url=url, credential=parlor.Credential.API_KEY("pk_dev"), engine=engine)
