"""The package itself: its names, and what importing it costs."""

import ast
import importlib
import subprocess
import sys
import unittest
from pathlib import Path

import polars_incremental as pli

# python-api.md 1
SUBMODULES = {
    "errors": "PolarsIncrementalError PipelineError",
    "catalog": "Catalog LocalCatalog DatasetSpec",
    "pipeline": "Pipeline RunResult",
    "state": "JobState",
    "observability": "PipelineObserver LoggingObserver",
    "maintenance": "cleanup_checkpoint vacuum_delta_table CheckpointInfo",
    "cdc": "apply_cdc",
    "source": "SourceConfig FilesSource DeltaSource AutoSource",
    "sources": "SourceSpec Source FileSource DeltaSource read_cdf_batch",
    "sources.base": "SourceSpec Source",
    "sources.file": "FileSource",
    "sources.delta": "DeltaSource read_cdf_batch",
    "checkpoints": "FileStreamCheckpoint iter_new_files DeltaTableCheckpoint BatchInfo DeltaBatch DeltaFileEntry DeltaOffset",
    "checkpoints.file": "FileStreamCheckpoint iter_new_files",
    "checkpoints.delta": "DeltaTableCheckpoint",
    "checkpoints.types": "BatchInfo DeltaBatch DeltaFileEntry DeltaOffset",
    "schema": "SchemaEvolution SchemaPolicy apply_schema apply_schema_lazy normalize_schema_input serialize_schema deserialize_schema",
    "sinks": "write_delta apply_cdc_delta write_parquet_batch merge DeltaSink",
    "sinks.delta": "write_delta apply_cdc_delta",
    "sinks.parquet": "write_parquet_batch",
}


def in_a_new_process(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


class Names(unittest.TestCase):
    def test_every_name_is_there_and_shown(self):
        for name in pli.__all__:
            self.assertIsNotNone(getattr(pli, name), name)
        self.assertLessEqual(set(pli.__all__), set(dir(pli)))
        self.assertEqual(sorted(pli.__all__), pli.__all__)

    def test_type_checkers_see_the_same_names(self):
        tree = ast.parse(Path(pli.__file__).read_text())
        block = next(n for n in tree.body if isinstance(n, ast.If))
        seen = {a.name for n in block.body if isinstance(n, ast.ImportFrom) for a in n.names}
        self.assertEqual(seen | {"__version__"}, set(pli.__all__))

    def test_submodules_and_their_names(self):
        for module, names in SUBMODULES.items():
            found = importlib.import_module(f"polars_incremental.{module}")
            for name in names.split():
                self.assertTrue(hasattr(found, name), f"{module}.{name}")
        self.assertIsNot(pli.sources.DeltaSource, pli.DeltaSource)

    def test_a_name_that_is_not_there(self):
        with self.assertRaises(AttributeError) as caught:
            _ = pli.Pipelin
        self.assertIn("Pipelin", str(caught.exception))

    def test_names_work_without_other_imports(self):
        out = in_a_new_process(
            "import polars_incremental as pli; print(pli.errors.PlanningError.__name__, pli.sinks.write_delta is pli.write_delta, pli.__version__)"
        )
        self.assertEqual(out.split()[:2], ["PlanningError", "True"])


class Import(unittest.TestCase):
    def test_it_costs_less_than_ten_milliseconds_beyond_polars(self):
        code = "import polars, time; t = time.process_time(); import polars_incremental; print(time.process_time() - t)"
        best = min(float(in_a_new_process(code)) for _ in range(3))
        self.assertLess(best, 0.010)

    def test_it_loads_no_other_package(self):
        code = "import polars_incremental as p, sys; p.Pipeline, p.scan_delta, p.DeltaSink; print([m for m in ('pyarrow', 'deltalake', 'duckdb', 'numpy') if m in sys.modules])"
        self.assertEqual(in_a_new_process(code).strip(), "[]")


if __name__ == "__main__":
    unittest.main()
