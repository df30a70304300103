"""The catalog: python-api.md 14."""

import json
import unittest

from support import Case

import polars_incremental as pli


class Catalogs(Case):
    def test_both_forms_and_aliases(self):
        for content in [
            {"datasets": {"x": {"format": "csv", "path": "p"}}},
            {"x": {"type": "CSV", "location": "p"}},
        ]:
            spec = pli.LocalCatalog(content).resolve("x")
            self.assertEqual((spec.name, spec.path, spec.options), ("x", "p", {}))
            self.assertEqual(spec.to_source(), pli.FilesSource("p", file_format="csv"))

    def test_files(self):
        (self.tmp / "c.json").write_text(json.dumps({"x": {"format": "delta", "path": "p", "ignore_deletes": True}}))
        (self.tmp / "c.toml").write_text('[datasets.x]\nformat = "delta"\npath = "p"\nignore_deletes = true\n')
        for name in ["c.json", "c.toml"]:
            self.assertEqual(
                pli.LocalCatalog(self.tmp / name).get_source("x"), pli.DeltaSource("p", ignore_deletes=True)
            )
        with self.assertRaises(ValueError):
            pli.LocalCatalog(self.tmp / "c.yaml")
        with self.assertRaises(FileNotFoundError):
            pli.LocalCatalog(self.tmp / "d.json")

    def test_nonsense(self):
        for content in [{"datasets": []}, {"x": 1}, {"datasets": {"x": "y"}}]:
            with self.assertRaises(ValueError):
                pli.LocalCatalog(content)
        catalog = pli.LocalCatalog({"x": {"format": "csv"}, "y": {"path": "p"}, "z": {"format": "orc", "path": "p"}})
        for name in ["x", "y"]:
            with self.assertRaisesRegex(ValueError, name):
                catalog.resolve(name)
        with self.assertRaises(KeyError):
            catalog.resolve("none")
        with self.assertRaises(pli.UnsupportedFormatError):
            catalog.get_source("z")

    def test_extra_keys_override_options(self):
        spec = pli.DatasetSpec("x", "files", "p", {})
        self.assertEqual(spec.to_source(), pli.FilesSource("p"))
        catalog = pli.LocalCatalog(
            {
                "x": {
                    "format": "files",
                    "path": "p",
                    "options": {"pattern": "a", "recursive": "false"},
                    "pattern": "b",
                    "owner": "me",
                }
            }
        )
        self.assertEqual(catalog.get_source("x"), pli.FilesSource("p", pattern="b", recursive=False))

    def test_every_file_format_is_taken(self):
        for name in ["parquet", "csv", "json", "ndjson", "jsonl", "excel", "xlsx", "xls", "avro"]:
            self.assertEqual(pli.DatasetSpec("x", name, "p").to_source(), pli.FilesSource("p", file_format=name))

    def test_auto_keeps_its_options(self):
        for n in range(3):
            self.touch(f"{n}.csv")
        source = pli.LocalCatalog(
            {"x": {"format": "auto", "path": str(self.source), "pattern": "*.csv", "max_files_per_trigger": 2}}
        ).get_source("x")
        self.assertIsInstance(source, pli.AutoSource)
        self.assertEqual(len(source.to_spec().with_checkpoint(self.cp).plan_batch().files), 2)

    def test_schema_evolution(self):
        self.assertEqual(
            pli.DatasetSpec("x", "csv", "p", {"schema_mode": "coerce"}).to_schema_evolution(),
            pli.SchemaEvolution("coerce"),
        )
        self.assertIsNone(pli.DatasetSpec("x", "csv", "p", {}).to_schema_evolution())


if __name__ == "__main__":
    unittest.main()
