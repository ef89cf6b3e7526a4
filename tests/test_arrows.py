"""Import directions between rooms, read from the source and tried in fresh processes."""

from __future__ import annotations

import ast
import functools
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "infoplane.hooks": ROOT / "hooks",
    "infoplane.analysis": ROOT / "analysis",
    "infoplane.data": ROOT / "data",
}


def _sources() -> dict[str, Path]:
    """Every module of the library by its import name; the links are walked once, through the
    top-level folders.
    """
    found = {}
    for name, folder in FOLDERS.items():
        found |= {
            ".".join([name, *p.relative_to(folder).with_suffix("").parts]): p
            for p in folder.rglob("*.py")
        }
    for path in (ROOT / "infoplane").rglob("*.py"):
        parts = path.relative_to(ROOT / "infoplane").with_suffix("").parts
        if f"infoplane.{parts[0]}" not in FOLDERS:
            found[".".join(["infoplane", *parts])] = path
    return {name.removesuffix(".__init__"): path for name, path in found.items()}


@functools.cache
def _tree(path: Path) -> ast.Module:
    """Read a module once for all tests of this file."""
    return ast.parse(path.read_text())


@functools.cache
def _imports(path: Path, *, top_level_only: bool = False) -> set[str]:
    tree = _tree(path)
    names: set[str] = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; import by the absolute name"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _users(package: str, *, top_level_only: bool = False) -> set[str]:
    """Modules that import `package` or anything below it."""
    return {
        name
        for name, path in SOURCES.items()
        if any(
            i == package or i.startswith(package + ".")
            for i in _imports(path, top_level_only=top_level_only)
        )
    }


SOURCES = _sources()


def _arrows(path: Path) -> set[str]:
    """The modules of ours that this one imports when it runs, inside of functions too."""
    tree = _tree(path)
    unseen = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name in SOURCES}
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("infoplane"):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                names.add(full if full in SOURCES else str(node.module))
    return names


@functools.cache
def _graph() -> dict[str, set[str]]:
    return {name: _arrows(path) - {name, "infoplane"} for name, path in SOURCES.items()}


def _outside(users: set[str], *rooms: str) -> set[str]:
    return {u for u in users if not any(u == r or u.startswith(r + ".") for r in rooms)}


def test_the_three_links_point_to_the_top_level_folders() -> None:
    for name, folder in FOLDERS.items():
        link = ROOT / "infoplane" / name.split(".")[1]
        assert link.is_symlink() and link.resolve() == folder


def test_types_import_nothing_of_ours_but_errors() -> None:
    rooms = ("infoplane.types", "infoplane.errors")
    for name, path in SOURCES.items():
        if name == "infoplane.types" or name.startswith("infoplane.types."):
            ours = {i for i in _imports(path) if i.startswith("infoplane")}
            assert not _outside(ours, *rooms), name


ROOMS_OF_CAPTURE = ("network", "probing", "choice", "rows", "recording", "verifying")
"""Each uses those before it, never one behind it."""

FORBIDDEN = [
    ("infoplane.hooks", "infoplane.analysis"),
    ("infoplane.analysis", "infoplane.hooks"),
    ("infoplane.archive", "infoplane.analysis"),
    ("infoplane.archive", "infoplane.hooks"),
    ("infoplane.analysis.plot", "infoplane.archive"),
    ("infoplane.analysis.plot", "infoplane.analysis.measuring"),
    ("infoplane.analysis.plot", "infoplane.analysis.dpi"),
    ("infoplane.data", "infoplane.hooks"),
    ("infoplane.data", "infoplane.analysis"),
    ("infoplane.analysis", "infoplane.data"),
    ("infoplane.hooks", "infoplane.data"),
    ("infoplane.analysis.kernels", "infoplane.analysis.estimators"),
    ("infoplane.analysis.estimators", "infoplane.analysis.measuring"),
    ("infoplane.analysis.measuring", "infoplane.analysis.dpi"),
    ("infoplane.analysis.dpi", "infoplane.analysis.studies"),
    ("infoplane.analysis.studies", "infoplane.analysis.plot"),
    *(
        (f"infoplane.hooks.{room}", f"infoplane.hooks.{later}")
        for room, later in itertools.combinations(ROOMS_OF_CAPTURE, 2)
    ),
    *(
        (room, above)
        for room in ("infoplane.hooks", "infoplane.analysis", "infoplane.archive", "infoplane.data")
        for above in ("infoplane.commands", "infoplane.cli", "infoplane.background")
        if (room, above) != ("infoplane.hooks", "infoplane.background")
    ),
]
"""Who never imports whom, as CONTRIBUTING says. Imports for type checking alone are no arrows."""


@pytest.mark.parametrize(("room", "other"), FORBIDDEN)
def test_no_arrow_leads(room: str, other: str) -> None:
    inside = {n for n in SOURCES if n == room or n.startswith(room + ".")}
    assert inside, f"there is no room {room}"
    found = {
        (name, target)
        for name in inside
        for target in _graph()[name]
        if target == other or target.startswith(other + ".")
    }
    assert not found


def test_no_room_is_reached_by_its_bare_folder() -> None:
    """A link and its folder are one room: a second name would be a way around every arrow."""
    for path in SOURCES.values():
        assert not {i.split(".")[0] for i in _imports(path)} & {"hooks", "analysis", "data"}, path


DELEGATES = {
    ("infoplane.plane", "infoplane.archive.planes"),
    ("infoplane.plane", "infoplane.analysis.show"),
}
"""`Plane.save`, `Plane.load` and `Plane.show`, of one line each: the only arrows that close a
circle.
"""


def test_no_imports_go_in_a_circle() -> None:
    """Imports inside of functions are arrows like any other."""
    left = {
        name: {other for other in others if (name, other) not in DELEGATES}
        for name, others in _graph().items()
    }
    while free := {name for name, others in left.items() if not others & set(left)}:
        left = {name: others for name, others in left.items() if name not in free}
    circle = {name: sorted(others & set(left)) for name, others in left.items()}
    assert not circle, "these modules, or what they import, import each other"


def test_only_the_archive_imports_h5py() -> None:
    assert not _outside(_users("h5py"), "infoplane.archive")


def test_only_plot_imports_matplotlib() -> None:
    assert not _outside(_users("matplotlib"), "infoplane.analysis.plot")


def test_torch_is_imported_only_where_a_model_lives() -> None:
    allowed = (
        "infoplane.hooks",
        "infoplane.data",
        "infoplane.replications",
        "infoplane.analysis.estimators",
        "infoplane.analysis.kernels",
        "infoplane.analysis.calibrate.late_wide",
    )
    assert not _outside(_users("torch"), *allowed, "infoplane.commands", "infoplane.demo")
    assert not _outside(
        _users("torch", top_level_only=True),
        "infoplane.hooks",
        "infoplane.data",
        "infoplane.replications",
        *NEURAL,
    )


NEURAL = (
    "infoplane.analysis.estimators.critic",
    "infoplane.analysis.estimators.neural",
    "infoplane.analysis.kernels.pairwise_torch",
)

LIGHT = {
    "the package": "import infoplane as ip; dir(ip)",
    "the command line": "import sys; sys.argv = ['infoplane', '--help']\n"
    "from infoplane.__main__ import main\ntry: main()\nexcept SystemExit: pass",
    "reading": "import infoplane as ip; ip.open_archive",
    "measuring": "import infoplane as ip; ip.measure; ip.estimators.Binned(rule='szt'); "
    "ip.estimators.KDE(variance=0.1)",
    "checking": "import infoplane as ip; ip.check_dpi",
    "plotting": "import infoplane as ip; ip.plot_plane",
    "importing arrays": "import infoplane as ip; ip.from_arrays; ip.import_run",
    "schedules": "import infoplane as ip; ip.log_spaced(100, 5); ip.every(2); ip.at(1, 2)",
}


@pytest.mark.parametrize("what", LIGHT)
def test_light_uses_import_no_torch(what: str) -> None:
    code = LIGHT[what] + "\nimport sys; assert 'torch' not in sys.modules, 'torch was imported'"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ},
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_help_imports_no_numpy() -> None:
    """It is a fifth of a second, and whoever asks for help waits for it."""
    code = LIGHT["the command line"] + "\nassert 'numpy' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_public_names_are_pinned() -> None:
    import infoplane as ip

    expected = {
        "Archive",
        "CaptureOptions",
        "choose_estimators",
        "DPIReport",
        "Estimate",
        "Finding",
        "Plane",
        "Recorder",
        "Variable",
        "at",
        "capture",
        "certify",
        "check_dpi",
        "continuous",
        "discrete",
        "from_arrays",
        "import_run",
        "every",
        "log_spaced",
        "measure",
        "open_archive",
        "plot_plane",
        "write_report",
        "compression",
        "invariance",
        "mechanism",
        "phases",
        "sensitivity",
        "width_sweep",
        "calibrate",
        "conditional_information",
        "conditional_vinformation",
        "drift",
        "information_given_labels",
        "layer_information",
        "mdl_online_code",
        "train_and_held_out",
        "analysis",
        "archive",
        "contract",
        "data",
        "errors",
        "estimators",
        "hooks",
        "testing",
        "types",
    }
    assert set(ip.__all__) == expected
    for name in expected:
        assert getattr(ip, name) is not None


def test_every_package_that_the_library_imports_is_declared() -> None:
    """Modules are looked for under the name of their package."""
    import re
    import tomllib

    packages = {"sklearn": "scikit-learn", "ignite": "pytorch-ignite", "dask": "distributed"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [
        *project["dependencies"],
        *(d for e in project["optional-dependencies"].values() for d in e),
    ]
    declared = {re.split(r"[><=!;\[ ]", line)[0].lower().replace("_", "-") for line in lines}
    imported = {name.split(".")[0] for path in SOURCES.values() for name in _imports(path)}
    foreign = imported - set(sys.stdlib_module_names) - {"infoplane", "__future__"}
    missing = {
        name
        for name in foreign
        if packages.get(name, name).lower().replace("_", "-") not in declared
    }
    assert not missing - UNDECLARED


UNDECLARED = {"mpl_toolkits", "mlflow", "IPython", "safetensors"}
"""A part of matplotlib, and what only those have who ask for it: a tracker, a notebook, weights in
files.
"""


def test_the_library_raises_no_bare_error_on_purpose() -> None:
    """Outside of readers that turn them into errors of the tree, and of what Python itself asks
    for.
    """
    allowed = ("infoplane.archive", "infoplane.testing", "infoplane.row_info")
    bare = {"Exception", "RuntimeError", "ValueError"}
    found = {
        f"{name}: {ast.unparse(node)[:80]}"
        for name, path in SOURCES.items()
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and ast.unparse(node.exc.func) in bare
        and not name.startswith(allowed)
    }
    assert not found


def test_the_maps_of_the_rooms_name_files_that_are_there() -> None:
    """A table in the docstring of a room says where a new line goes."""
    maps = {}
    for name, path in SOURCES.items():
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        rows = [line.split("|")[2] for line in docstring.splitlines() if line.startswith("| ")]
        if path.name == "__init__.py" and rows:
            maps[name] = {word for row in rows[1:] for word in row.split("`")[1::2]}
    assert len(maps) > 4
    for room, words in maps.items():
        assert all(f"{room}.{word}" in SOURCES for word in words), room
