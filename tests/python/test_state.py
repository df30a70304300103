"""JobState: python-api.md 9."""

import datetime as dt
import json
import pickle
import unittest

import polars as pl
from support import Case

import polars_incremental as pli


class Alone(Case):
    def setUp(self):
        super().setUp()
        self.state = pli.JobState(self.tmp / "state")

    def test_json_is_sorted_indented_utf8(self):
        self.state.save_json("a/b", {"z": 1, "a": "ü"})
        self.assertEqual((self.tmp / "state/a/b.json").read_text(encoding="utf-8"), '{\n  "a": "ü",\n  "z": 1\n}')
        self.assertEqual(self.state.load_json("a/b", None), {"z": 1, "a": "ü"})
        self.assertEqual(self.state.load_json("none", {"d": 1}), {"d": 1})

    def test_null_is_a_value(self):
        self.state.save_json("n", None)
        self.assertIsNone(self.state.load_json("n", 5))

    def test_what_json_cannot_hold_is_a_type_error_and_changes_nothing(self):
        self.state.save_json("n", 1)
        for value in [{1, 2}, dt.date(2024, 1, 1), {"a": 1, 2: 3}]:
            with self.assertRaises(TypeError):
                self.state.save_json("n", value)
        self.assertEqual(self.state.load_json("n", None), 1)

    def test_broken_json_raises(self):
        (self.tmp / "state" / "n.json").write_text("{")
        with self.assertRaises(json.JSONDecodeError):
            self.state.load_json("n", None)

    def test_frames(self):
        frame = pl.DataFrame({"a": [1, 2], "b": [["x"], None]})
        self.assertIsNone(self.state.load_parquet("f"))
        self.state.save_parquet("f", frame)
        self.assertTrue(self.state.load_parquet("f").equals(frame))
        self.state.save_parquet("f", frame.lazy().head(1))
        self.assertEqual(self.state.load_parquet("f").height, 1)

    def test_exists_and_delete(self):
        self.state.save_json("x", 1)
        self.state.save_parquet("x", pl.DataFrame({"a": [1]}))
        self.assertTrue(
            self.state.exists("x") and self.state.exists("x", kind="json") and self.state.exists("x", kind="parquet")
        )
        self.assertTrue(self.state.delete("x", kind="json"))
        self.assertFalse(self.state.exists("x", kind="json"))
        self.assertTrue(self.state.exists("x"))
        self.assertTrue(self.state.delete("x"))
        self.assertFalse(self.state.delete("x"))
        for call in [self.state.exists, self.state.delete]:
            with self.assertRaises(ValueError):
                call("x", kind="csv")

    def test_names_stay_inside(self):
        for name in ["../x", "/etc/x", "a/../../x", "", "a//b"]:
            for call in [
                lambda n: self.state.load_json(n, None),
                lambda n: self.state.save_json(n, 1),
                self.state.exists,
                self.state.delete,
            ]:
                with self.assertRaises(ValueError, msg=name):
                    call(name)

    def test_states_and_checkpoints_go_to_other_processes(self):
        self.put("1.parquet")
        pli.JobState(self.tmp / "kept").save_json("n", 1)
        self.assertEqual(pickle.loads(pickle.dumps(pli.JobState(self.tmp / "kept"))).load_json("n", None), 1)
        source = pli.FilesSource(self.source).to_spec().with_checkpoint(self.cp)
        source.plan_batch()
        self.assertEqual(pickle.loads(pickle.dumps(source)).checkpoint.latest_offset_batch_id(), 0)

        with self.assertRaises(pli.TransformError) as caught:
            self.pipeline(transform=lambda df, state: pickle.dumps(state)).run()
        self.assertIn("ends with its batch", str(caught.exception.__cause__))

    def test_root_is_a_path_and_is_created(self):
        self.assertEqual(self.state.root, self.tmp / "state")
        self.assertTrue(self.state.root.is_dir())
        self.assertIn("state", repr(self.state))


class InABatch(Case):
    def test_it_reads_its_own_writes_and_keeps_them_with_the_commit(self):
        self.put("1.parquet")
        seen = []
        on_disk = pli.JobState(self.cp / "state")

        def reader(files, state):
            state.save_json("n", 1)
            state.save_parquet("f", pl.DataFrame({"a": [1]}))
            return files

        def transform(data, state):
            seen.append((state.load_json("n", None), state.load_parquet("f").height, state.root))
            seen.append((on_disk.exists("n"), on_disk.exists("f")))
            state.delete("f")
            state.save_json("deep/name", 2)
            return data

        self.pipeline(reader=reader, transform=transform, writer=lambda d, state: seen.append(state.exists("f"))).run()
        self.assertEqual(seen, [(1, 1, self.cp / "state"), (False, False), False])
        self.assertEqual(on_disk.load_json("n", None), 1)
        self.assertEqual(on_disk.load_json("deep/name", None), 2)
        self.assertFalse(on_disk.exists("f"))

    def test_a_repeat_sees_the_state_of_the_batch_before(self):
        for n in range(2):
            self.put(f"{n}.parquet")
        seen = []

        def writer(df, state):
            seen.append(state.load_json("n", 0))
            state.save_json("n", state.load_json("n", 0) + 1)
            if len(seen) == 2:
                raise OSError

        source = pli.FilesSource(self.source, file_format="parquet", max_files_per_trigger=1)
        p = self.pipeline(source=source, writer=writer)
        p.run()
        with self.assertRaises(pli.WriterError):
            p.run()
        p.run()
        self.assertEqual(seen, [0, 1, 1])

    def test_a_state_kept_beyond_its_batch_is_refused(self):
        self.put("1.parquet")
        kept = []
        self.pipeline(writer=lambda df, state: kept.append(state)).run()
        with self.assertRaises(RuntimeError):
            kept[0].load_json("n", None)


if __name__ == "__main__":
    unittest.main()
