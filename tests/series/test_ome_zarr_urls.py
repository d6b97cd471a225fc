"""OME-Zarr at a URL is read as the same store on disk is, by few requests that wait for none."""

import json
import shutil
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from time import sleep

import numpy as np
import pytest

from napari_focus_stack import focus_series, open_series
from napari_focus_stack.cli.main import main
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.places import as_place, write_bytes_to
from tests.cloud import BUCKET, assert_one_sentence
from tests.series.test_ome_zarr import coded, group, write_image


def plate(path, version, wells=3):
    """Write a plate of one row with two fields a well, and return it."""
    names = [f"A/{number}" for number in range(1, wells + 1)]
    group(path, version, {"plate": {"wells": [{"path": name} for name in names]}})
    for number, well in enumerate(names):
        group(path / well, version, {"well": {"images": [{"path": "0"}, {"path": "1"}]}})
        for field in range(2):
            array = coded("zyx", position=2 * number + field)
            write_image(path / well / str(field), version, array, "zyx", chunks=(1, 9, 11))
    return path


def upload(folder, root):
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            write_bytes_to(root / file.relative_to(folder).as_posix(), file.read_bytes())
    return root


def assert_same(url, path):
    there, here = open_series(url), open_series(path)
    assert there.positions == here.positions
    assert there.notes == here.notes
    for index in here:
        mine, other = here.stack(index.position, index.time, index.channel), there.planes(index)
        assert np.array_equal(mine[2], other[2])


@pytest.mark.parametrize(("kind", "version"), [("s3", "0.5"), ("memory", "0.4"), ("memory", "0.5")])
def test_a_plate_and_its_parts_are_read_as_on_disk(tmp_path, s3, version, kind):
    path = plate(tmp_path / "plate.zarr", version)
    shutil.rmtree(path / "A/2/1")
    root = {"s3": f"s3://{BUCKET}/{tmp_path.name}", "memory": f"memory://{tmp_path.name}"}[kind]
    upload(path, as_place(f"{root}/plate.zarr"))
    for part in ("", "/A/3", "/A/3/1/s0"):
        assert_same(f"{root}/plate.zarr{part}", f"{path}{part}")
    series = open_series(f"{root}/plate.zarr/A/3")
    [name] = {str(file) for file in series.files}
    assert name == f"{root}/plate.zarr"
    assert series.place(next(iter(series)))["series"] == f"{root}/plate.zarr/A/3"


def test_a_collection_is_read_as_on_disk(tmp_path, s3):
    path = tmp_path / "many.zarr"
    group(path, "0.4", {"bioformats2raw.layout": 3})
    for number in (0, 1):
        write_image(path / str(number), "0.4", coded("zyx", position=number), "zyx")
    root = upload(path, as_place(f"s3://{BUCKET}/{tmp_path.name}/many.zarr"))
    assert_same(root, path)


class _Slow(SimpleHTTPRequestHandler):
    """Files of a folder, each after a while, with the greatest number of requests at once."""

    running = most = total = 0
    lock = Lock()

    def do_GET(self):
        with self.lock:
            _Slow.running += 1
            _Slow.total += 1
            _Slow.most = max(self.most, self.running)
        sleep(0.03)
        super().do_GET()
        with self.lock:
            _Slow.running -= 1

    def log_message(self, *_):
        pass


@pytest.fixture
def web(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Slow, directory=tmp_path))
    server.daemon_threads = False
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_metadata_of_a_plate_are_asked_for_side_by_side(tmp_path, web):
    path = plate(tmp_path / "plate.zarr", "0.5", wells=12)
    series = open_series(f"{web}/plate.zarr")
    assert series.positions == open_series(path).positions
    # each document once: wells, fields and arrays; besides, the few of the folders around
    assert 12 + 24 + 24 <= _Slow.total <= 12 + 24 + 24 + 40
    assert _Slow.most > 8
    assert np.array_equal(series.stack(3)[1], open_series(path).stack(3)[1])


def test_what_is_not_there_is_one_sentence(s3, tmp_path):
    for url in (f"s3://{BUCKET}/{tmp_path.name}.zarr", "s3://nowhere/a.zarr", "memory://nothing"):
        with pytest.raises(InputError, match="There is no OME-Zarr at") as caught:
            open_series(url)
        assert_one_sentence(str(caught.value))
    with s3.denying(), pytest.raises(InputError, match="access is denied") as caught:
        open_series(f"s3://{BUCKET}/a.zarr")
    assert_one_sentence(str(caught.value))
    with pytest.raises(InputError, match="is a URL, and of URLs one OME-Zarr is read"):
        open_series([f"s3://{BUCKET}/a.tif", f"s3://{BUCKET}/b.tif"])
    with pytest.raises(SettingsError, match="axes has no effect"):
        open_series(f"s3://{BUCKET}/a.zarr", axes="TZYX")


def test_the_command_reads_urls_and_its_report_repeats_the_run(tmp_path, s3, capsys):
    rng = np.random.default_rng(0)
    planes = rng.integers(0, 4000, (2, 4, 64, 64)).astype(np.uint16)
    path = write_image(tmp_path / "film.zarr", "0.5", planes, "tzyx", chunks=(1, 1, 64, 64))
    url = f"s3://{BUCKET}/{tmp_path.name}/film.zarr"
    upload(path, as_place(url))
    assert main(["info", url, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["path"], shown["stacks"]) == (url, 2)
    out = tmp_path / "out.ome.zarr"
    assert main(["-i", url, "-o", str(out), "--align", "none"]) == 0
    expected = np.asarray(focus_series(path, align="none").image)
    assert np.array_equal(np.asarray(open_series(out).planes(_first(out))[0]), expected[0, 0])
    [report, *_] = sorted(Path(tmp_path).glob("out_reports/*.json"))
    assert json.loads(report.read_text())["inputs"] == [url]
    again = tmp_path / "again.tif"
    assert main(["--recipe", str(report), "-o", str(again)]) == 0
    assert again.exists()
    capsys.readouterr()
    assert main(["-i", url, "-o", f"s3://{BUCKET}/out.ome.zarr"]) == 2
    assert "must be a file or folder on disk" in capsys.readouterr().err


def _first(path):
    return next(iter(open_series(path)))
