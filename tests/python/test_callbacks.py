"""What callbacks receive: python-api.md 8.2."""

import functools
import os
import unittest

from support import Case

import polars_incremental as pli
from polars_incremental._callbacks import bind, takes_batch

READER = {"batch": "B", "batch_id": 7, "state": "S"}
WRITER = {"batch": "B", "batch_id": 7, "files": ["f"], "state": "S"}


def underscored(df, __batch_id):
    """Outside of a class, where Python would change the name."""


class Binding(unittest.TestCase):
    def check(self, fn, args, kwargs, context=None):
        self.assertEqual(bind(fn, "D", WRITER if context is None else context), (args, kwargs))

    def test_data_goes_first_whatever_its_name(self):
        self.check(lambda x: 0, ["D"], {})
        for fn in [lambda batch: 0, lambda files: 0, lambda state: 0, lambda batch_id: 0]:
            self.check(fn, ["D"], {})
        self.check(lambda batch, batch_id: 0, ["D"], {"batch_id": 7})

    def test_context_goes_by_name(self):
        self.check(lambda df, state=None, batch=None: 0, ["D"], {"state": "S", "batch": "B"})
        self.check(lambda df, *, files: 0, ["D"], {"files": ["f"]})
        self.check(lambda files, batch_id: 0, ["D"], {"batch_id": 7}, READER)

    def test_kwargs_get_all_of_it(self):
        self.check(lambda df, **kw: 0, ["D"], WRITER)
        self.check(lambda files, **kw: 0, ["D"], READER, READER)
        self.check(lambda batch, **kw: 0, ["D"], {k: v for k, v in WRITER.items() if k != "batch"})

    def test_an_unnamed_second_parameter_gets_batch_by_position(self):
        self.check(lambda df, _batch: 0, ["D", "B"], {})
        self.check(underscored, ["D", 7], {})
        self.check(lambda df, _batch, state: 0, ["D"], {"state": "S"})

    def test_no_other_parameter_is_filled(self):
        self.check(lambda df, other=1: 0, ["D"], {})
        self.check(lambda df, other: 0, ["D"], {})

    def test_positional_only(self):
        def fn(df, batch, batch_id, /, state):
            pass

        self.check(fn, ["D", "B", 7], {"state": "S"})

        def all_of_it(df, batch, /, **kw):
            pass

        self.check(all_of_it, ["D", "B"], {k: v for k, v in WRITER.items() if k != "batch"})

    def test_keyword_only(self):
        self.check(lambda *, files, batch: 0, [], {"files": "D", "batch": "B"}, READER)
        self.check(lambda *, df, batch_id: 0, [], {"df": "D", "batch_id": 7})

    def test_without_a_readable_signature(self):
        self.check(dict.fromkeys, ["D"], {})

    def test_methods_partials_and_callable_objects(self):
        class Writer:
            def __call__(self, df, batch_id):
                pass

            def method(self, df, state):
                pass

        self.check(Writer(), ["D"], {"batch_id": 7})
        self.check(Writer().method, ["D"], {"state": "S"})
        self.check(functools.partial(lambda a, df, batch_id: 0, 1), ["D"], {"batch_id": 7})

    def test_which_readers_take_the_batch(self):
        self.assertTrue(takes_batch(lambda files, batch: 0))
        self.assertTrue(takes_batch(lambda files, **kw: 0))
        self.assertTrue(takes_batch(lambda files, _batch: 0))
        self.assertFalse(takes_batch(lambda files, batch_id: 0))
        self.assertFalse(takes_batch(lambda batch: 0))


class Context(Case):
    def test_what_a_pipeline_hands_over(self):
        path = self.put("1.parquet")
        seen = {}

        def reader(files, batch, batch_id, state):
            seen["reader"] = (files, batch.batch_id, batch_id, type(state))
            return "data"

        def transform(data, **context):
            seen["transform"] = (data, sorted(context))
            return data

        def writer(data, files, batch):
            seen["writer"] = (data, files, type(batch))

        self.pipeline(reader=reader, transform=transform, writer=writer).run()
        self.assertEqual(seen["reader"], ([path], 0, 0, pli.JobState))
        self.assertEqual(seen["transform"], ("data", ["batch", "batch_id", "files", "state"]))
        self.assertEqual(seen["writer"], ("data", [path], pli.BatchInfo))
        self.assertTrue(os.path.isabs(path))

    def test_a_parameter_that_nothing_fills_is_a_type_error_of_its_stage(self):
        self.put("1.parquet")
        with self.assertRaises(pli.WriterError) as raised:
            self.pipeline(writer=lambda df, table: None).run()
        self.assertIsInstance(raised.exception.__cause__, TypeError)


if __name__ == "__main__":
    unittest.main()
