"""The newest interchange certificate of a run that is being recorded.

chain.json, in addition to the first one in probe.h5.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infoplane.archive import layout
from infoplane.archive.guarded_file import read_text
from infoplane.archive.publish import publish_text
from infoplane.errors import DamagedArchive, InputError
from infoplane.types import Chain


def write_chain(run: Path, run_uuid: str, chain: Chain, *, durable: bool = True) -> None:
    """Publish the certificate of a run, in place of an older one.

    Args:
        run: the run's folder.
        run_uuid: identity of the run, so that the file of another run is not taken for its own.
        chain: everything that was found so far, see `Chain.joined`.
        durable: sync the file.

    Raises:
        ArchiveError: the disk refused.
    """
    body = {
        "format": layout.CHAIN,
        "format_version": layout.FORMAT_VERSION,
        "run_uuid": run_uuid,
        "chain": chain.to_dict(),
    }
    publish_text(run / layout.CHAIN_FILE, layout.sealed(body), durable=durable, replace=True)


def read_chain(run: Path, run_uuid: str) -> Chain | None:
    """The newest certificate of a run; None where it was certified once, when it was created.

    Raises:
        DamagedArchive: the file is malformed, or of another run.
    """
    file = run / layout.CHAIN_FILE
    if not file.exists():
        return None
    body = layout.unsealed(read_text(file), layout.CHAIN, str(file))
    if body.get("run_uuid") != run_uuid:
        raise DamagedArchive(f"{file}: belongs to another run; remove the file")
    return chain_of(body.get("chain"), str(file))


def chain_of(body: Any, where: str) -> Chain:  # Any: JSON
    """Return a certificate from JSON.

    Raises:
        DamagedArchive: malformed, or with a relation that is none.
    """
    try:
        return Chain.from_dict(body)
    except InputError as error:
        raise DamagedArchive(f"{where}: key 'chain': {error}") from error
