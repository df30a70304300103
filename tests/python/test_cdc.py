"""apply_cdc on frames: python-api.md 12."""

import random
import unittest

import polars as pl

import polars_incremental as pli


def changes(*rows, columns=("id", "v", "_change_type", "_commit_version")):
    return pl.DataFrame([dict(zip(columns, row, strict=True)) for row in rows])


class Apply(unittest.TestCase):
    existing = pl.DataFrame({"id": [1, 2, 3], "v": ["a", "b", "c"]})

    def apply(self, frame, existing=None, keys="id", **options):
        eager = pli.apply_cdc(frame, existing, keys=keys, **options)
        lazy = pli.apply_cdc(frame.lazy(), None if existing is None else existing.lazy(), keys=keys, **options)
        self.assertIsInstance(eager, pl.DataFrame)
        self.assertTrue(eager.sort(pl.all()).equals(lazy.sort(pl.all())))
        return sorted(eager.rows(), key=repr)

    def test_insert_update_delete(self):
        frame = changes(
            (1, "A", "update_postimage", 1),
            (2, "b", "delete", 1),
            (4, "d", "insert", 1),
            (3, "c", "update_preimage", 1),
        )
        self.assertEqual(self.apply(frame, self.existing), [(1, "A"), (3, "c"), (4, "d")])

    def test_the_last_commit_of_a_key_decides(self):
        frame = changes((1, "new", "update", 3), (1, "old", "update", 2), (1, "same", "insert", 3))
        self.assertEqual(self.apply(frame, None), [(1, "same")])
        self.assertEqual(self.apply(frame, None, dedupe_by_latest_commit=False), [(1, "same")])
        frame = changes((1, "x", "insert", 5), (1, "x", "delete", 4))
        self.assertEqual(self.apply(frame, None), [(1, "x")])
        self.assertEqual(self.apply(frame, None, dedupe_by_latest_commit=False), [])

    def test_it_is_what_a_replay_gives(self):
        rng = random.Random(7)
        for _ in range(30):
            rows, model = [], {1: "a", 2: "b", 3: "c"}
            for version in range(12):
                key, kind = (
                    rng.randrange(5),
                    rng.choice(["insert", "update", "delete", "update_preimage", "update_postimage"]),
                )
                rows.append((key, f"v{version}", kind, version))
                if kind == "delete":
                    model.pop(key, None)
                elif kind != "update_preimage":
                    model[key] = f"v{version}"
            rng.shuffle(rows)
            self.assertEqual(self.apply(changes(*rows), self.existing), sorted(model.items(), key=repr))

    def test_pre_images_never_hide_a_change(self):
        frame = changes((1, "A", "update_postimage", 1), (1, "a", "update_preimage", 1))
        for ignore in [True, False]:
            self.assertEqual(self.apply(frame, self.existing.head(1), ignore_update_preimage=ignore), [(1, "A")])

    def test_unknown_and_null_types_are_refused(self):
        for kind in ["upsert", None]:
            with self.assertRaises(ValueError):
                self.apply(changes((1, "a", kind, 1)), self.existing)
        self.assertEqual(
            self.apply(changes((1, "A", "U", 1)), self.existing.head(1), change_type_map={"U": "update"}), [(1, "A")]
        )

    def test_null_keys_are_refused_with_their_number(self):
        with self.assertRaisesRegex(ValueError, "'id'.* 2 "):
            self.apply(
                changes((None, "a", "insert", 1), (None, "b", "insert", 1), (1, "c", "insert", 1)), self.existing
            )

    def test_deletes_may_be_ignored(self):
        frame = changes((1, "A", "update", 1), (1, "A", "delete", 2), (2, "b", "delete", 2))
        self.assertEqual(self.apply(frame, self.existing, ignore_delete=True), [(1, "A"), (2, "b"), (3, "c")])

    def test_append_only(self):
        frame = changes((1, "x", "insert", 1), (1, "y", "insert", 2), (2, "z", "update", 1), (3, "c", "delete", 1))
        self.assertEqual(self.apply(frame, self.existing, mode="append_only"), [(1, "a"), (1, "y"), (2, "b"), (3, "c")])
        got = self.apply(frame, self.existing, mode="append_only", dedupe_by_latest_commit=False)
        self.assertEqual(got, [(1, "a"), (1, "x"), (1, "y"), (2, "b"), (3, "c")])

    def test_columns_of_one_side_only(self):
        existing = pl.DataFrame({"id": [1, 2], "kept": ["k1", "k2"], "v": ["a", "b"]})
        frame = changes((1, "A", 5, "update"), (3, "C", 6, "insert"), columns=("id", "v", "new", "_change_type"))
        made = pli.apply_cdc(frame, existing, keys=["id"])
        self.assertEqual(made.columns, ["id", "kept", "v", "new"])
        self.assertEqual(sorted(made.rows()), [(1, "k1", "A", 5), (2, "k2", "b", None), (3, None, "C", 6)])

    def test_types_widen_and_keys_match_across_them(self):
        existing = pl.DataFrame({"id": [1], "n": [1]}, schema={"id": pl.Int32, "n": pl.Int32})
        frame = pl.DataFrame({"id": [1, 2], "n": [2**40, 3], "_change_type": ["update", "insert"]})
        made = pli.apply_cdc(frame, existing, keys="id")
        self.assertEqual(made.schema, {"id": pl.Int64, "n": pl.Int64})
        self.assertEqual(sorted(made.rows()), [(1, 2**40), (2, 3)])
        with self.assertRaises(pli.SchemaEvolutionError):
            pli.apply_cdc(frame.with_columns(n=pl.lit([1])), existing, keys="id")

    def test_several_keys(self):
        existing = pl.DataFrame({"a": [1, 1], "b": [1, 2], "v": ["x", "y"]})
        frame = pl.DataFrame({"a": [1], "b": [2], "v": ["Y"], "_change_type": ["update"]})
        self.assertEqual(sorted(pli.apply_cdc(frame, existing, keys=["a", "b"]).rows()), [(1, 1, "x"), (1, 2, "Y")])

    def test_no_changes_are_taken_before_any_check(self):
        empty = pl.DataFrame({"whatever": []})
        self.assertTrue(pli.apply_cdc(empty, self.existing, keys=[]).equals(self.existing))
        self.assertEqual(pli.apply_cdc(empty, None, keys=[]).shape, (0, 0))

    def test_bad_arguments(self):
        frame = changes((1, "a", "insert", 1))
        for options in [
            {"keys": []},
            {"keys": ["nope"]},
            {"keys": "id", "mode": "upsert"},
            {"keys": "id", "change_type_col": "nope"},
        ]:
            with self.assertRaises(ValueError):
                pli.apply_cdc(frame, self.existing, **options)


if __name__ == "__main__":
    unittest.main()
