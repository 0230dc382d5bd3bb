"""Real workers, as `ipvit worker` starts them, which a test may freeze and kill."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic, sleep

WAIT_S = 120
MAIN = "from app.cli import main; main()"
ROOT = Path(__file__).resolve().parent.parent


def wait_until(
    true: Callable[[], object], why: str | Callable[[], str], timeout_s: float = WAIT_S
) -> None:
    """Return once `true()` is; fail with `why` if it never is."""
    end = monotonic() + timeout_s
    while not true():
        told = why() if callable(why) and monotonic() >= end else why
        assert monotonic() < end, f"not in {timeout_s} s: {told}"
        sleep(0.02)


class WorkerProcess:
    """`ipvit worker` in a process group of its own.

    environment: the settings, `IPVIT_…`.
    """

    def __init__(
        self, queue: str, environment: Mapping[str, str], log: Path, *options: str
    ) -> None:
        self._log = log
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("IPVIT_")
        }
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-c", MAIN, "worker", "--queue", queue, *options],
                cwd=ROOT,
                env=inherited | {"OMP_NUM_THREADS": "1"} | dict(environment),
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the parent."""
        return self._process.pid

    def log(self) -> str:
        """What it has said."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def said(self, words: str) -> int:
        """How often the log holds `words`; fails if the worker has ended."""
        assert self._process.poll() is None, self.log()
        return self.log().count(words)

    def wait_for(self, words: str) -> None:
        """Return once the log holds `words`."""
        wait_until(lambda: self.said(words), f"{words!r} in the log of the worker")

    def lives(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def has_torch(self) -> list[bool]:
        """Whether PyTorch is loaded in the parent, and in each of its processes."""
        maps = (Path(f"/proc/{pid}/maps").read_text() for pid in (self.pid, *self.children()))
        return ["libtorch" in loaded for loaded in maps]

    def limit_files(self, size_bytes: int) -> None:
        """Let its processes write no larger files, as if the disk were full; -1: let them again."""
        for child in self.children():
            hard = resource.prlimit(child, resource.RLIMIT_FSIZE)[1]
            resource.prlimit(child, resource.RLIMIT_FSIZE, (size_bytes, hard))

    def children(self) -> list[int]:
        """Ids of its processes."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in listed]

    def freeze(self) -> None:
        """Stop it and its children in their tracks."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """As a power cut would."""
        os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(WAIT_S)

    def terminate(self) -> None:
        """Ask the parent to end, as an orchestrator would."""
        self._process.terminate()

    def wait(self) -> int:
        """The exit status, once it has ended."""
        return self._process.wait(WAIT_S)

    def close(self) -> None:
        """End it if it still runs."""
        if self._process.poll() is None:
            self.kill()
