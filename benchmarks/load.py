"""Load over HTTP with wrk: requests per second, latencies, failures."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Figures:
    """Of one load: requests per second, latencies in milliseconds, requests that were not answered with 2xx."""

    per_second: float
    median_ms: float
    p99_ms: float
    failed: int


def run(url: str, *, headers: dict[str, str], connections: int, seconds: int, script: str = "") -> Figures:
    """Loads one URL. `script` is Lua for wrk, for other methods than GET. Raises when wrk is missing or fails."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk is not installed: the HTTP benchmarks need it (Debian and Homebrew: package wrk)")
    with tempfile.TemporaryDirectory() as folder:
        command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
        for name, value in headers.items():
            command += ["-H", f"{name}: {value}"]
        if script:
            path = Path(folder) / "requests.lua"
            path.write_text(script)
            command += ["-s", str(path)]
        output = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    failed = sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", output))
    for errors in re.findall(r"Socket errors: (.*)", output):
        failed += sum(int(n) for n in re.findall(r"\d+", errors))
    return Figures(
        per_second=float(_search(r"Requests/sec:\s+([\d.]+)", output)),
        median_ms=_milliseconds(_search(r"(?m)^ +50% +(\S+)", output)),
        p99_ms=_milliseconds(_search(r"(?m)^ +99% +(\S+)", output)),
        failed=failed,
    )


def _search(pattern: str, output: str) -> str:
    found = re.search(pattern, output)
    if found is None:
        raise SystemExit(f"wrk printed no figures:\n{output}")
    return found.group(1)


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text).groups()  # type: ignore[union-attr]
    return float(number) * _UNITS[unit]
