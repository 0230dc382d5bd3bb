"""The processes of a benchmark: servers, the load client, and what CPU time each took."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
START_S = 300
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A server process."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """CPU time of all its threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def resident_mb(self) -> float:
        """Memory it holds now."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0


@dataclass(frozen=True)
class Load:
    """What the clients saw."""

    requests_per_s: float
    p50_ms: float
    p95_ms: float
    core_ms: float
    """CPU time of server and clients together, for each answered request."""
    cores_used: float


@contextmanager
def server(kind: str, ready_path: str, models: Iterable[str] = ()) -> Iterator[Server]:
    """`benchmarks.server` of that kind on a free port, ready to answer.

    models: to load besides those of the settings.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server", kind, str(port), *models], cwd=ROOT
    )
    try:
        _await(f"http://127.0.0.1:{port}{ready_path}", process)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def load(target: Server, path: str, *, clients: int, seconds: float, **fields: Any) -> Load:
    """Send photos to `path` for a while; a list as a field repeats it."""
    order = {
        "port": target.port,
        "path": path,
        "clients": clients,
        "seconds": seconds,
        "warm_up_s": min(1.0, seconds / 4),
        "fields": [
            [name, str(one)]
            for name, value in fields.items()
            for one in (value if isinstance(value, list | tuple) else [value])
        ],
        "watch_pid": target.pid,
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    report = json.loads(done.stdout)
    if report["failures"] or not report["latencies_s"]:
        raise RuntimeError(f"{path}: {report['failures']} failed; {report['first_failure']}")
    latencies = sorted(report["latencies_s"])
    count, cpu_s = len(latencies), report["cpu_s"] + report["server_cpu_s"]
    return Load(
        requests_per_s=count / report["seconds"],
        p50_ms=1000 * latencies[count // 2],
        p95_ms=1000 * latencies[int(0.95 * count)],
        core_ms=1000 * cpu_s / count,
        cores_used=cpu_s / report["seconds"],
    )


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} before {url} answered")
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:  # refused, not ready, or too busy loading to answer
            time.sleep(0.1)
    raise RuntimeError(f"expected {url} to answer within {START_S} s")
