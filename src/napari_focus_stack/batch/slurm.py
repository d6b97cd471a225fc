"""Job script of a batch for SLURM: a scheduler, its workers and the batch in one job."""

from __future__ import annotations

import math
import os
import shlex
import sys
from typing import TYPE_CHECKING

from napari_focus_stack.batch.memory import OWN, SLACK
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.io.writing import Outputs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_TEMPLATE = """\
#!/bin/bash
# Made by napari-focus-stack {version}. Change the lines that begin with #SBATCH as your cluster
# wants them (--partition, --account), then: sbatch {name}
# The job may be cut off or sent again: it goes on where it stopped.
#SBATCH --job-name=focusstack
#SBATCH --ntasks={tasks}
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu={megabytes}M
#SBATCH --time={hours}:00:00
#SBATCH --signal=B:TERM@60
set -euo pipefail

cd {folder}
python={python}
out={out}
mkdir -p "$out"
scheduler=$out/.focusstack-scheduler-${{SLURM_JOB_ID:-$$}}.json
rm -f "$scheduler"
# samples of the stacks' calls, which nobody looks at, take 100 MB of each worker in an hour
export DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False
steps='' server=''
finish() {{
  # workers that lose their scheduler first take 8 s to end
  if [ -n "$steps" ]; then kill "$steps" && wait "$steps"; fi
  if [ -n "$server" ]; then kill "$server" && wait "$server"; fi
  rm -f "$scheduler"
}}
trap 'set +e; finish 2>/dev/null' EXIT

"$python" -m distributed.cli.dask_scheduler --scheduler-file "$scheduler" --port 0 \\
  --dashboard-address :0 &
server=$!
# one task is left for the scheduler and the batch, which do next to nothing
srun --ntasks={workers} "$python" -m distributed.cli.dask_worker --scheduler-file "$scheduler" \\
  --nthreads 1 --memory-limit {worker_megabytes}MB --no-dashboard --death-timeout 120 &
steps=$!
until [ -s "$scheduler" ]; do
  kill -0 "$server" || exit 1  # it has ended, and said why
  sleep 1
done

{redo}"$python" -m napari_focus_stack batch {arguments} --scheduler "$scheduler" &
batch=$!
trap 'kill -TERM "$batch"' TERM INT
code=0
wait "$batch" || code=$?
# a signal ends the first wait; the second one waits for what the batch makes of it
wait "$batch" 2>/dev/null || code=$?
exit "$code"
"""
_REDO = """\
# a job that is sent again goes on
redo=--redo
[ "${SLURM_RESTART_COUNT:-0}" = 0 ] || redo=
"""
_OWN_OPTIONS = {"--job-script": 1, "--workers": 1, "--scheduler": 1, "--dry-run": 0, "--redo": 0}
"""Options that the job does not take, and the number of their values."""
SPARE = 3
"""Factor on the time that the work takes by estimate: processors differ."""


def write_job_script(
    place: Path, out: str, memory: int, seconds: float, workers: int, argv: Sequence[str]
) -> None:
    """Write the script of a job.

    Parameters
    ----------
    place : pathlib.Path
        File to write.
    out : str
        Folder of the results, on a disk that every node sees.
    memory : int
        Bytes that the largest stack takes.
    seconds : float
        Processor seconds of the whole work, by estimate.
    workers : int
        Workers.
    argv : sequence of str
        Arguments of the call after "batch".

    Raises
    ------
    SettingsError
        The folder of results is a URL, which has no place for the scheduler's file.
    OutputError
        The script cannot be written.
    """
    from napari_focus_stack._version import __version__

    check_job_folder(out)
    each = memory + SLACK
    megabytes = math.ceil(max(each, OWN) / 10**6)
    text = _TEMPLATE.format(
        version=__version__,
        name=place.name,
        tasks=workers + 1,
        workers=workers,
        megabytes=math.ceil(megabytes * 1.1),
        worker_megabytes=megabytes,
        hours=max(1, math.ceil(SPARE * seconds / workers / 3600)),
        folder=shlex.quote(os.getcwd()),
        python=shlex.quote(sys.executable),
        out=shlex.quote(out),
        redo=_REDO if "--redo" in argv else "",
        arguments=shlex.join(_arguments(argv)) + (" $redo" if "--redo" in argv else ""),
    )
    with Outputs() as outputs:
        outputs.file(place, lambda temporary: _write_script(temporary, text))


def check_job_folder(out: str) -> None:
    """Refuse results at a URL.

    Parameters
    ----------
    out : str
        Folder of the results.

    Raises
    ------
    SettingsError
        It is a URL, which has no place for the scheduler's file.
    """
    if "://" in out:
        raise SettingsError(
            f"'{out}' is a URL, and the job needs a folder for its scheduler that every "
            "node sees; start scheduler and workers yourself, and give --scheduler."
        )


def _write_script(path: Path, text: str) -> None:
    """Write a script that may be run."""
    path.write_text(text, encoding="utf-8", newline="\n")
    path.chmod(0o755)


def _arguments(argv: Sequence[str]) -> list[str]:
    """Return the arguments of the batch in the job, without options that are not for it."""
    kept: list[str] = []
    left = iter(argv)
    for argument in left:
        name, equals, _ = argument.partition("=")
        if name in _OWN_OPTIONS:
            for _ in range(0 if equals else _OWN_OPTIONS[name]):
                next(left, None)
        else:
            kept.append(argument)
    return kept
