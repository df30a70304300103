"""Kills and memory, in small; endurance.py runs them at length."""

import unittest

from endurance import batches, kills
from support import Case


class Endurance(Case):
    def test_killed_at_random_moments_nothing_is_lost_or_doubled(self):
        self.source.rmdir()
        self.assertEqual(kills(self.tmp, 5, seed=8), [])

    def test_memory_stays_flat(self):
        """What leaks grows in every run; what the allocator keeps for later, once."""
        runs = []
        while not runs or (growth(runs[-1]) >= 8 and len(runs) < 4):
            folder = self.tmp / str(len(runs))
            folder.mkdir()
            runs.append(batches(folder, 100))
        self.assertLess(growth(runs[-1]), 8, runs)


def growth(used):
    return used[-1] - used[4]


if __name__ == "__main__":
    unittest.main()
