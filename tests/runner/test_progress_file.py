"""The file that tells how far a run is: what comes back, and what a reader meets while it is written."""

import json
import os
import threading
from dataclasses import replace

import pytest

from bench.runner.progress_file import NAME, read_progress, write_progress
from bench.training.progress import Progress

PROGRESS = Progress(
    step=30,
    num_steps=120,
    images_seen=960,
    learning_rate=1e-3,
    train_loss=1.5,
    seconds=60.0,
    images_per_second=160.0,
)


def test_what_was_said_comes_back(tmp_path):
    write_progress(tmp_path, "ab12", None, "loading")
    loading = read_progress(tmp_path)
    assert loading.progress is None
    assert loading.seconds_left is None
    assert loading.share_done == 0
    write_progress(tmp_path, "ab12", PROGRESS, "training", num_resumes=2)
    said = read_progress(tmp_path)
    assert (said.key, said.phase, said.progress, said.num_resumes) == ("ab12", "training", PROGRESS, 2)
    assert said.pid == os.getpid()
    assert said.started_at == loading.started_at
    assert said.updated_at >= loading.updated_at
    assert said.share_done == 0.25
    assert said.seconds_left == pytest.approx(18.0)  # three quarters are left, 2,880 images
    write_progress(tmp_path, "ab12", None, "evaluating")
    assert read_progress(tmp_path).share_done == 1
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_another_process_starts_its_own_clock(tmp_path):
    write_progress(tmp_path, "ab12", PROGRESS, "training")
    content = json.loads((tmp_path / NAME).read_text())
    (tmp_path / NAME).write_text(json.dumps(content | {"pid": os.getpid() + 1, "started_at": "2001-01-01T00:00:00"}))
    write_progress(tmp_path, "ab12", PROGRESS, "training")
    assert read_progress(tmp_path).started_at > "2001-01-02"


@pytest.mark.parametrize("content", ["", '{"key": "ab12", "pha', "[]", "{}", '{"progress": {"step": 1}}', "\x00\xff"])
def test_what_cannot_be_read_is_nothing(tmp_path, content):
    assert read_progress(tmp_path) is None
    (tmp_path / NAME).write_text(content, encoding="latin-1")
    assert read_progress(tmp_path) is None
    write_progress(tmp_path, "ab12", PROGRESS, "training")
    assert read_progress(tmp_path).progress == PROGRESS


def test_a_reader_never_meets_half_a_file(tmp_path):
    write_progress(tmp_path, "ab12", PROGRESS, "training")
    seen, stop = [], threading.Event()

    def read() -> None:
        while not (seen and stop.is_set()):
            seen.append(read_progress(tmp_path))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for step in range(300):
            write_progress(tmp_path, "ab12", replace(PROGRESS, step=step), "training")
    finally:
        stop.set()
        reader.join()
    assert None not in seen
