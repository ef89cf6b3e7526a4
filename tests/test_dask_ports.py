"""`dask="local"` opens no port to other users of the machine."""

from __future__ import annotations

import pytest

from infoplane.analysis.measuring import executors
from infoplane.errors import MissingExtra

distributed = pytest.importorskip("distributed")


@pytest.mark.slow
def test_a_client_without_the_certificate_of_a_local_cluster_is_turned_away() -> None:
    from distributed import Client
    from distributed.security import Security

    with executors.client_of("local", 1) as client:
        address = client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        assert client.submit(sum, [1, 2]).result(timeout=30) == 3
        for target, security in (
            (address.replace("tls://", "tcp://"), None),
            (address, Security.temporary()),
        ):
            with pytest.raises(OSError, match=r".*"), Client(target, security=security, timeout=3):
                pytest.fail("was let in")
        workers = client.scheduler_info()["workers"]
        assert workers and all(worker.startswith("tls://127.0.0.1:") for worker in workers)


def test_without_a_maker_of_certificates_no_port_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(executors, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="cryptography"):
        with executors.client_of("local", 1):
            pytest.fail("a cluster was started")
