"""Events of a pipeline: as log lines, or in an observer of your own."""

import logging
import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

logging.basicConfig(format="%(message)s")
logging.getLogger("polars_incremental").setLevel(logging.INFO)


class Timings(pli.PipelineObserver):
    def __init__(self):
        self.seconds = {}

    def on_stage_end(self, stage, batch_id, duration_s, metadata=None):
        self.seconds[stage] = duration_s


pl.DataFrame({"id": [1]}).write_parquet(home / "1.parquet")
for observer in [pli.LoggingObserver(), timings := Timings()]:
    pipeline = pli.Pipeline(
        source=pli.FilesSource(home, file_format="parquet"),
        checkpoint_dir=home / type(observer).__name__,
        reader=pl.read_parquet,
        writer=lambda df: {"rows": df.height},
        observer=observer,
    )
    pipeline.run()
print(sorted(timings.seconds))
assert set(timings.seconds) == {"plan", "reader", "writer", "commit"}
