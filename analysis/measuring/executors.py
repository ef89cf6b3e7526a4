"""Who measures the cells: this thread, several, or the processes of a dask cluster.

Same numbers from each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from infoplane.analysis.kernels.threads import on_device, single_blas, using
from infoplane.analysis.measuring.cell import measure_cell
from infoplane.analysis.measuring.records import Record, Task
from infoplane.archive import Archive
from infoplane.errors import InputError, MissingExtra
from infoplane.types import Variable


@dataclass(frozen=True)
class Job:
    """One activation and what to measure of it.

    Attributes:
        layer: its layer.
        cells: steps at which it is equal bit for bit, and what is still to be measured at each.
        device: of the kernels.
    """

    layer: str
    cells: tuple[tuple[int, tuple[Task, ...]], ...]
    device: str = ""


def run(
    archive: Archive, jobs: Sequence[Job], seed: int, *, workers: int, dask: str | None
) -> Iterator[list[Record]]:
    """Yield the records of every job, in the order they get done.

    Args:
        archive: the run.
        jobs: what to measure.
        seed: of every random number.
        workers: threads, or processes of a cluster on this machine.
        dask: address of a scheduler, ``local`` for a cluster of one's own; None for neither.
    """
    if dask is not None:
        yield from _on_dask(archive, jobs, seed, dask, workers)
    elif workers <= 1 or len(jobs) < 2:
        for job in jobs:
            yield measure_job(archive, job, seed)
    else:
        yield from _on_threads(archive, jobs, seed, workers)


def measure_job(archive: Archive, job: Job, seed: int) -> list[Record]:
    """Return one record per cell and estimator.

    What drew no random numbers is the same wherever the activation is: it is measured once.

    Args:
        archive: the run.
        job: one activation.
        seed: of every random number.
    """
    records: list[Record] = []
    known: dict[str, Record] = {}
    read: dict[bool, Variable] = {}
    for step, tasks in job.cells:
        fresh = [task for task in tasks if task.same not in known]
        for task in tasks:
            if task.same in known:
                records.append(as_of(known[task.same], step, task.key))
        with on_device(job.device):
            found = measure_cell(archive, step, job.layer, fresh, seed, read)
        known |= {record["same"]: record for record in found if "same" in record}
        records += found
    return records


def as_of(record: Record, step: int, key: str) -> Record:
    """Return a record of an equal activation as that of another step.

    Args:
        record: of the activation.
        step: the other step.
        key: of the result there.
    """
    return {**record, "step": step, "key": key}


def _alone(archive: Archive, job: Job, seed: int) -> list[Record]:
    with using(1):
        return measure_job(archive, job, seed)


def _on_threads(
    archive: Archive, jobs: Sequence[Job], seed: int, workers: int
) -> Iterator[list[Record]]:
    """Return cells side by side, each kernel and BLAS on one thread.

    Processes would have to load everything and read with caches of their own.
    """
    from joblib import Parallel, delayed

    with single_blas():
        yield from Parallel(n_jobs=workers, prefer="threads", return_as="generator_unordered")(
            delayed(_alone)(archive, job, seed) for job in jobs
        )


def _on_dask(
    archive: Archive, jobs: Sequence[Job], seed: int, address: str, workers: int
) -> Iterator[list[Record]]:
    """Jobs that were lost with a worker, guilty or not, are tried once more, each alone."""
    try:
        from distributed import KilledWorker, as_completed
    except ImportError as error:
        raise MissingExtra("distributed", "dask") from error
    with client_of(address, workers) as client:

        def send(job: Job) -> Any:  # Any: dask has no types
            return client.submit(_remote, archive, job, seed, pure=False)

        sent = {send(job): job for job in jobs}
        lost = []
        for future in as_completed(list(sent)):  # type: ignore[no-untyped-call]  # dask has no types
            failure = future.exception()
            if isinstance(failure, KilledWorker):
                lost.append(sent[future])
            else:
                yield future.result() if failure is None else _failed(sent[future], failure)
        for job in lost:
            future = send(job)
            failure = future.exception()
            yield future.result() if failure is None else _failed(job, failure)


@contextmanager
def client_of(address: str, workers: int) -> Iterator[Any]:  # Any: dask has no types
    """Yield a client of a scheduler, or of a cluster on this machine for the address ``local``.

    Whoever can talk to a scheduler runs code as its owner, and any user of this machine reaches its
    ports. So the local cluster talks to holders of one certificate only, which is made for it,
    never leaves memory and ends with it.

    Raises:
        InputError: no scheduler answers at the address.
        MissingExtra: nothing is installed that makes certificates.
    """
    from distributed import Client, LocalCluster
    from distributed.security import Security

    if address != "local":
        try:
            client = Client(address)  # type: ignore[no-untyped-call]  # dask has no types
        except (ValueError, OSError) as error:
            raise InputError(
                f"dask: no scheduler answers at {address!r}: {error}; give the address that it "
                "prints, such as tcp://10.0.0.1:8786, or local"
            ) from error
        with client:
            yield client
        return
    if find_spec("cryptography") is None:
        raise MissingExtra("cryptography", "dask")
    security = Security.temporary()  # type: ignore[no-untyped-call]  # as above
    cluster = LocalCluster(  # type: ignore[no-untyped-call]  # as above
        n_workers=max(1, workers),
        threads_per_worker=1,
        dashboard_address=None,
        host="127.0.0.1",
        security=security,
    )
    with cluster, Client(cluster, security=security) as client:  # type: ignore[no-untyped-call]  # as above
        yield client


def _remote(archive: Archive, job: Job, seed: int) -> list[Record]:
    """On a worker, which opens the archive by its path."""
    with single_blas():
        return _alone(archive, job, seed)


def _failed(job: Job, failure: BaseException) -> list[Record]:
    """Return for each cell of a job the error of the worker that died with it."""
    text = f"{type(failure).__name__}: {failure}"
    records: list[Record] = []
    for step, tasks in job.cells:
        for task in tasks:
            cell: Record = {"step": step, "layer": job.layer, "estimator": task.estimator.name}
            records.append({**cell, "key": task.key, "error": text})
    return records
