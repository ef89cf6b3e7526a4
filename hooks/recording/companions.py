"""What runs beside a recording: the process that measures it, and the page that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from infoplane.background.live_page import LivePage, checked_port
from infoplane.background.measuring import MeasuringProcess, checked_specs
from infoplane.cores import SHARE


class Companions:
    """The processes beside one recording; training waits for none of them.

    Args:
        run: the run's folder.
        measure: spec strings of what to measure; None for nothing, or for what the page shows.
        watch: whether there is a page; a number is its port.
        max_overhead: share of one core that measuring may use; None for 0.02.

    Raises:
        InputError, SpecError: no estimator of this name, or no port.
        MissingExtra: the page's libraries are not installed.
    """

    def __init__(
        self,
        run: Path,
        *,
        measure: Sequence[str] | str | None,
        watch: bool | int,
        max_overhead: float | None,
    ) -> None:
        self._run = run
        self._watched = bool(watch)
        self._port = checked_port(watch) if watch else None
        self._specs = () if measure is None else checked_specs(measure)
        self._share = SHARE if max_overhead is None else max_overhead
        self._measured = measure is not None or self._watched
        self._measuring: MeasuringProcess | None = None
        self._page: LivePage | None = None

    def start(self) -> None:
        """Start what was asked for, and print the address of the page."""
        if self._watched:
            self._page = LivePage(self._run, port=self._port)
            print(f"live page: {self._page.address}", flush=True)
        if self._measured:
            self._measuring = MeasuringProcess(self._run, self._specs, max_overhead=self._share)

    def stop(self) -> None:
        """End the measuring at once: the training failed, and nobody waits for results."""
        measuring, self._measuring = self._measuring, None
        if measuring is not None:
            measuring.stop()

    def finish(self) -> None:
        """Wait until everything captured is measured, and let the page end by itself."""
        measuring, self._measuring = self._measuring, None
        page, self._page = self._page, None
        try:
            if measuring is not None:
                measuring.finish()
        finally:
            if page is not None:
                page.release()
