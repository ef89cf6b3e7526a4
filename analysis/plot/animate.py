"""The plane as an animation over training, GIF (Pillow) or MP4 (where ffmpeg is found)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter

from infoplane.analysis.plot import style
from infoplane.analysis.plot.labels import choose_estimator
from infoplane.analysis.plot.plane import plot_plane
from infoplane.analysis.plot.trajectory import steps_of, trajectories
from infoplane.analysis.plot.view import View
from infoplane.errors import InputError, MissingProgram
from infoplane.new_file import new_file
from infoplane.plane import Plane
from infoplane.types import DPIReport
from infoplane.user_path import path_of

if TYPE_CHECKING:
    from infoplane.analysis.caveats import Caveats


@style.styled
def save_animation(
    plane: Plane,
    path: str | Path,
    *,
    report: DPIReport | None = None,
    estimator: str | None = None,
    sense: str | None = None,
    frames_per_second: int = 12,
    caveats: Caveats | None = None,
    view: View | None = None,
) -> Path:
    """Write one frame per checkpoint.

    The whole plane, the layers of that checkpoint joined by a line, its step in the corner.

    Axes and colours stand still, so that only the layers move. Returns the path.

    Args:
        plane: what was measured.
        path: FILE.gif or FILE.mp4.
        report: the DPI check, whose findings are marked; None marks none.
        estimator: spec to draw; None takes the plane's first.
        sense: exact, point, upper or lower; None takes the first that is present.
        frames_per_second: checkpoints shown in a second.
        caveats, view: as for `plot_plane`.

    Raises:
        InputError: the suffix is neither .gif nor .mp4, or there is nothing to draw.
        MissingProgram: ffmpeg is not installed (.mp4 only).
    """
    path = path_of(path)
    suffix = path.suffix.lower()
    if suffix not in (".gif", ".mp4"):
        raise InputError(f"expected a file ending in .gif or .mp4, got {path.name!r}")
    if suffix == ".mp4" and not FFMpegWriter.isAvailable():
        raise MissingProgram("ffmpeg", "a .mp4 film", "write a .gif, which needs none")
    spec = choose_estimator(plane, estimator)
    figure = style.new_figure(style.PAGE * 0.8, style.PAGE * 0.58)
    ax = plot_plane(
        plane,
        report,
        estimator=spec,
        sense=sense,
        ax=figure.add_subplot(),
        caveats=caveats,
        view=view,
    )
    paths = trajectories(plane, spec, sense)
    (joined,) = ax.plot(
        [], [], "o:", color="#222222", lw=1.0, ms=5, mfc="white", zorder=8, gid="now"
    )
    text = ax.text(0.02, 0.9, "", transform=ax.transAxes, fontsize=9, gid="step")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # one layout for all frames

    def frame(step: int) -> list[object]:
        points = [path.at(step) for path in paths]
        joined.set_data(*zip(*(point for point in points if point is not None), strict=True))
        text.set_text(f"step {step}")
        return [joined, text]

    movie = FuncAnimation(
        figure,
        frame,  # type: ignore[arg-type]  # artists
        frames=steps_of(paths),
        init_func=lambda: [joined, text],
    )
    writer = PillowWriter if suffix == ".gif" else FFMpegWriter
    with new_file(path) as part:
        movie.save(part, writer=writer(frames_per_second), dpi=100)
    return path
