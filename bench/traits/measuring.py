"""One trait of one run from start to end: lock it, load the network, ask it, write the record.

A failure leaves a record, too, and another attempt follows with the next command. Only a worker process imports torch.
"""

import datetime
import time
from pathlib import Path

from bench.files.atomic import StoreError
from bench.files.locks import acquire
from bench.machine.device import Device, device_name
from bench.machine.environment import environment, sources_hash
from bench.store.store import Store
from bench.traits.trait import TraitOfRun
from bench.traits.trait_record import (
    DamagedTrait,
    MeasureRecord,
    Status,
    TraitRecord,
    blank_record,
    read_trait,
    write_trait,
)


def measure(task: TraitOfRun, store: Store, data_dir: Path, device: Device) -> TraitRecord | None:
    """Measure a trait and write its record, unless another process measures it or has measured it.

    Args:
        task: the trait and the finished run.
        store: the store of the run.
        data_dir: the folder of downloaded data sets.
        device: the device that the network answers on.

    Returns:
        The record; None if another process measures the trait now.

    Raises:
        StoreError: the record cannot be written.
    """
    lock = acquire(store.running_folder(task.key))
    if lock is None:
        return None
    with lock:
        try:
            record = read_trait(store, task.key)
        except DamagedTrait:
            record = None
        if record is None or record.status != "ok":
            record = _measured(task, store, data_dir, device)
        lock.release(finished=True)
    return record


def _measured(task: TraitOfRun, store: Store, data_dir: Path, device: Device) -> TraitRecord:
    import torch

    from bench.machine.memory import is_out_of_memory
    from bench.traits.subject import load_subject

    started_at, start = datetime.datetime.now(datetime.UTC), time.perf_counter()
    answers = None
    try:
        torch.set_num_threads(task.run.threads)
        subject = load_subject(task.run, store, data_dir, device)
        answers = task.trait.answers(subject)
        measures = [
            MeasureRecord(name=one.name, setting=one.setting, value=one.value, num_images=one.num_images)
            for one in task.trait.measures(answers)
        ]
        record = blank_record(task, "ok").model_copy(update={"measures": measures})
    except StoreError:
        raise
    except Exception as error:
        answers = None
        status: Status = "out_of_memory" if is_out_of_memory(error) else "failed"
        record = blank_record(task, status, f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
    made = {
        "seconds": time.perf_counter() - start,
        "started_at": started_at.isoformat(timespec="microseconds"),
        "device": device_name(device),
        "environment": environment(),
        "sources_hash": sources_hash(),
    }
    return write_trait(store, record.model_copy(update=made), answers)
