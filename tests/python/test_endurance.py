"""Kills and memory, in small; endurance.py runs them at length."""

import unittest

from endurance import batches, kills
from support import Case


class Endurance(Case):
    def test_killed_at_random_moments_nothing_is_lost_or_doubled(self):
        self.source.rmdir()
        self.assertEqual(kills(self.tmp, 5, seed=8), [])

    def test_memory_stays_flat(self):
        self.source.rmdir()
        used = batches(self.tmp, 100)
        self.assertLess(used[-1] - used[4], 8, used)


if __name__ == "__main__":
    unittest.main()
