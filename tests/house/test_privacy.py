"""Nothing leaves the machine: no command calls another host, or leaves an identity behind. Libraries print nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dpdeblur.pipelines import cli
from tests import builders

# What a call to another host looks like to strace: an address of the internet that is not this machine, or a look-up of one.
ELSEWHERE = re.compile(r'sin6?_addr.*"(?!127\.|::1"|::ffff:127\.)|sin_port=htons\(53\)|/run/systemd/resolve|nscd')

# What Beam, numba and their like say to developers.
CHATTER = re.compile(r"[Ww]arning|apitools|apache_beam|numba")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return builders.write_folders(tmp_path_factory.mktemp("scenes"), builders.make_scenes(1))


COMMANDS = [
    ("deblur", "--input", "{scenes}", "--output", "run", "--model", "views-mean", "--images", "restored"),
    ("plan", "--input", "{scenes}", "--output", "planned"),
    ("models", "check", "views-mean"),
    ("latency", "--model", "views-mean", "--size", "64x64", "--runs", "1"),
]


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_no_command_calls_another_host(words: tuple[str, ...], scenes: Path, tmp_path: Path) -> None:
    trace, home = tmp_path / "trace.txt", tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home)}
    for name in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "PYTHONWARNINGS"):
        environment.pop(name, None)
    program = [sys.executable, "-m", "dpdeblur.pipelines.cli", *(word.format(scenes=scenes) for word in words)]
    done = subprocess.run(
        ["strace", "--follow-forks", "--quiet=all", "-e", "trace=connect,sendto,sendmsg", "-o", str(trace), *program],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "ptrace" in done.stderr.lower() and not trace.read_text(encoding="utf-8", errors="replace").strip():
        pytest.skip(f"strace may not trace here: {done.stderr.strip()[:200]}")
    assert done.returncode == 0, done.stderr
    calls = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    assert [call for call in calls if ELSEWHERE.search(call)] == []
    assert not (home / ".cache/Microsoft").exists()
    assert not CHATTER.search(done.stdout + done.stderr)


def test_it_is_set_before_anything_of_ours_can_import_onnx_runtime() -> None:
    code = "import dpdeblur.models.runtime.session, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


SECRETS = {
    "password": "https://me:hush-hush@nowhere.invalid/{name}.png",
    "signed for S3": "https://nowhere.invalid/{name}.png?X-Amz-Credential=ID&X-Amz-Signature=hush-hush",
    "signed for Azure": "https://nowhere.invalid/{name}.png?sv=1&sig=hush-hush",
    "token": "https://nowhere.invalid/{name}.png?access_token=hush-hush&x=1",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_no_secret_in_an_address_is_kept_or_printed(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left, right = (SECRETS[kind].format(name=name) for name in ("left", "right"))
    listed = tmp_path / "listed.csv"
    listed.write_text(f"id,left,right\na,{left},{right}\nb,/nowhere/l.png,{right}\n")
    for words in (["plan"], ["deblur"], ["pack", "--shard-size", "1MB"]):
        model = [] if words[0] == "pack" else ["--model", "views-mean"]
        cli.main([*words, "--input", str(listed), "--output", str(tmp_path / words[0]), *model])
    cli.main(["deblur", "--input", left, "--output", str(tmp_path / "straight"), "--model", "views-mean"])
    said = capsys.readouterr()
    assert "nowhere.invalid" in said.out + said.err
    assert "hush-hush" not in said.out + said.err
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path != listed]
    failures = pq.read_table(tmp_path / "deblur" / "failures").to_pylist()
    assert {row["scene_id"] for row in failures} == {"a", "b"}
    assert "hush-hush" not in str(failures)
    assert not [path for path in kept if b"hush-hush" in path.read_bytes()]
