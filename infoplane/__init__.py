"""infoplane: a layer-wise information-plane analyzer for trained networks.

Three uses: attach to a training loop (`Recorder`), replay saved activations (`open_archive`,
`measure`, `check_dpi`), generate information-plane plots (`plot_plane`, `write_report`). All
information is in bits.
"""

from __future__ import annotations

from infoplane.lazy_names import lazy_names

__version__ = "0.1.0"

_PUBLIC = {
    "Archive": "infoplane.archive",
    "DPIReport": "infoplane.types",
    "Estimate": "infoplane.types",
    "Finding": "infoplane.types",
    "Plane": "infoplane.plane",
    "CaptureOptions": "infoplane.hooks",
    "Recorder": "infoplane.hooks",
    "Variable": "infoplane.types",
    "at": "infoplane.hooks.schedule",
    "capture": "infoplane.hooks.capture",
    "certify": "infoplane.hooks.certificates.certify_run",
    "check_dpi": "infoplane.analysis.dpi.check",
    "choose_estimators": "infoplane.analysis.measuring.choose",
    "continuous": "infoplane.types",
    "from_arrays": "infoplane.sources",
    "import_run": "infoplane.sources",
    "discrete": "infoplane.types",
    "every": "infoplane.hooks.schedule",
    "log_spaced": "infoplane.hooks.schedule",
    "measure": "infoplane.analysis.measuring.measure",
    "open_archive": "infoplane.archive",
    "compression": "infoplane.analysis.studies.compression",
    "invariance": "infoplane.analysis.studies.invariance",
    "mechanism": "infoplane.analysis.studies.mechanism",
    "phases": "infoplane.analysis.studies.phases",
    "sensitivity": "infoplane.analysis.studies.sensitivity",
    "calibrate": "infoplane.analysis.calibrate",
    "conditional_information": "infoplane.analysis.studies.conditional",
    "conditional_vinformation": "infoplane.analysis.estimators.vinfo",
    "drift": "infoplane.analysis.studies.drift",
    "information_given_labels": "infoplane.analysis.studies.conditional",
    "layer_information": "infoplane.analysis.studies.layer_information",
    "mdl_online_code": "infoplane.analysis.estimators.codelength",
    "train_and_held_out": "infoplane.analysis.studies.held_out",
    "width_sweep": "infoplane.analysis.studies.bin_width",
    "plot_plane": "infoplane.analysis.show",
    "write_report": "infoplane.analysis.report",
}
_ROOMS = ("analysis", "archive", "contract", "data", "errors", "hooks", "testing", "types")
_MODULES = {name: f"infoplane.{name}" for name in _ROOMS}
_MODULES["estimators"] = "infoplane.analysis.estimators"

__all__ = [*_PUBLIC, *_MODULES]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC, _MODULES)
