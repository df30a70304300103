"""The package of the build under test, for pytest; `python -m unittest` uses whatever is installed or on PYTHONPATH."""

import importlib.util
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
built = os.environ.get("PLI_BUILD_DIR")
if built and (pathlib.Path(built) / "python").is_dir():
    package = str(pathlib.Path(built) / "python")
    sys.path.insert(0, package)
    # for the programs that tests start
    os.environ["PYTHONPATH"] = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])

if (
    importlib.util.find_spec("polars_incremental") is None
    or importlib.util.find_spec("polars_incremental._core") is None
):
    collect_ignore_glob = ["test_*.py"]
