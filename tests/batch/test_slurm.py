"""Scripts of jobs for SLURM: what they ask for, and a run with a stand-in for srun."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from batch.experiment import batch, results, write_film, write_stack

from napari_focus_stack.batch.memory import SLACK
from napari_focus_stack.batch.planning import plan_batch
from napari_focus_stack.batch.slurm import write_job_script
from napari_focus_stack.batch.tasks import BatchOrder
from napari_focus_stack.cli.main import main
from napari_focus_stack.series.series_settings import SeriesSettings
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SLURM has no Windows")
TIMES = 8
SRUN = """\
#!/bin/bash
# runs its program as often as srun does, and passes on its end
count=${1#--ntasks=}
shift
trap 'kill $(jobs -p); wait' TERM
for ((k = 0; k < count; k++)); do "$@" & done
wait
"""


def directives(script: Path) -> dict[str, str]:
    """Return the options of a script's lines #SBATCH."""
    return dict(re.findall(r"^#SBATCH --([a-z-]+)=(.+)$", script.read_text(), re.MULTILINE))


def start(script: Path, **environment: str) -> subprocess.Popen[str]:
    """Run a script as the first node of a job does, with the stand-in for srun."""
    programs = script.parent / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "srun").write_text(SRUN)
    (programs / "srun").chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    modules = os.pathsep.join(sys.path)
    return subprocess.Popen(
        ["bash", str(script)],
        env=os.environ | {"PATH": path, "PYTHONPATH": modules, "SLURM_JOB_ID": "7", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_a_script_asks_for_what_the_batch_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "it's an experiment"
    for k in range(2):
        write_stack(root / f"s{k}.tif", k)
    script = tmp_path / "job.sh"
    call = ["batch", root.name, "-o", "fused $HOME", "--workers=3", "--job-script", "job.sh"]
    assert main([*call, "--lead-channel", "auto"]) == 0

    subprocess.run(["bash", "-n", str(script)], check=True)
    # a worker's memory would grow by its samples of calls
    assert "export DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False\n" in script.read_text()
    asked = directives(script)
    order = BatchOrder(
        root=str(root),
        out=str(tmp_path / "out"),
        settings=Settings(),
        series_settings=SeriesSettings(),
    )
    worker = plan_batch(order).memory + SLACK
    assert asked["ntasks"] == "4"
    assert asked["cpus-per-task"] == "1"
    assert worker < int(asked["mem-per-cpu"].removesuffix("M")) * 1e6 < 2 * worker
    assert asked["time"] == "1:00:00"
    assert asked["signal"] == "B:TERM@60"
    [work] = re.findall(r"^.*napari_focus_stack batch.*$", script.read_text(), re.MULTILINE)
    quoted = """'it'"'"'s an experiment' -o 'fused $HOME' --lead-channel auto"""
    assert f'batch {quoted} --scheduler "$scheduler" &' in work
    [limit] = re.findall(r"--memory-limit (\d+)MB", script.read_text())
    assert worker <= int(limit) * 1e6 <= int(asked["mem-per-cpu"].removesuffix("M")) * 1e6
    assert not (tmp_path / "fused $HOME").exists()


@pytest.mark.parametrize(
    ("workers", "hours"), [(1, "30"), (10, "3"), (1000, "1")]
)  # three times ten hours of work
def test_the_time_of_a_job_is_three_times_the_estimate(tmp_path, workers, hours):
    write_job_script(tmp_path / "job.sh", "/out", 10**9, 36_000, workers, [])
    assert directives(tmp_path / "job.sh")["time"] == f"{hours}:00:00"


def test_a_job_goes_on_after_slurm_has_interrupted_it(tmp_path):
    root, out, script = tmp_path / "root", tmp_path / "out", tmp_path / "job.sh"
    write_stack(root / "leaf.tif", 0)
    write_film(root / "film.tif", TIMES, channels=1)
    torn = root / "torn.tif"
    torn.write_bytes((root / "leaf.tif").read_bytes()[:5000])
    call = ["batch", str(root), "-o", str(out), "--quiet-time", "0", "--occlusion", "off"]
    assert main([*call, "--workers", "1", "--job-script", str(script)]) == 0

    job = start(script)
    assert job.stdout is not None
    first = next(line for line in job.stdout if f" of {TIMES + 1} " in line)
    job.send_signal(signal.SIGTERM)
    rest, _ = job.communicate(timeout=30)
    assert job.returncode == 130
    assert "run the same command again" in rest
    assert not list(out.glob(".focusstack-scheduler-*"))
    before = len([line for line in (first + rest).splitlines() if f" of {TIMES + 1} " in line])
    assert 0 < before < TIMES + 1

    lines, _ = (job := start(script)).communicate(timeout=60)
    assert job.returncode == 3  # of the file that is torn
    counts = re.search(r"(\d+) stacks done, (\d+) done before, 1 failed", lines)
    assert counts is not None, lines
    done, kept = map(int, counts.groups())
    assert done + kept == TIMES + 1
    assert kept >= before
    torn.unlink()
    batch(root, tmp_path / "alone", occlusion="off")
    assert results(out) == results(tmp_path / "alone")


def test_a_job_whose_scheduler_does_not_start_ends(tmp_path):
    write_stack(tmp_path / "root" / "leaf.tif", 0)
    call = ["batch", str(tmp_path / "root"), "-o", str(tmp_path / "out"), "--workers", "1"]
    script = tmp_path / "job.sh"
    assert main([*call, "--job-script", str(script)]) == 0
    broken = script.read_text().replace(f"python={sys.executable}", "python=false")
    assert broken != script.read_text()
    script.write_text(broken)
    job = start(script)
    job.communicate(timeout=30)
    assert job.returncode == 1


def test_what_a_job_cannot_do_is_refused(tmp_path, capsys):
    (tmp_path / "root").mkdir()
    script = str(tmp_path / "job.sh")
    call = ["batch", str(tmp_path / "root"), "--job-script", script]
    for rest, sentence in (
        (["-o", str(tmp_path / "out")], "--workers"),
        (["-o", "s3://nobody/out", "--format", "zarr", "--workers", "2"], "is a URL, and the job"),
        (["-o", str(tmp_path / "out"), "--workers", "2"], "no stack below"),
    ):
        assert main([*call, *rest]) == 2
        assert sentence in capsys.readouterr().err
    assert not os.path.exists(script)
