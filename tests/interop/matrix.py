"""The matrix feature × engine as Markdown: of one pytest run, or of the parts that ran side by side.

usage: matrix.py [--keep] PART.json...     prints the parts as one table; --keep replaces the one in docs/delta-features.md
"""

from __future__ import annotations

import argparse
import json
import pathlib

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/delta-features.md"
MARK = "<!-- matrix -->\n"


def lines(matrix: dict[str, dict[str, str]], versions: list[str]) -> list[str]:
    engines = sorted({engine for row in matrix.values() for engine in row}, key=lambda e: (e != "pli", e))
    head = ["| feature | " + " | ".join(engines) + " |", "|---|" + "---|" * len(engines)]
    rows = [f"| {f} | " + " | ".join(row.get(e, "") for e in engines) + " |" for f, row in matrix.items()]
    return [f"Measured with {', '.join(versions)}.", "", *head, *rows]


def keep(text: list[str]) -> None:
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(MARK)
    tail = rest.partition(MARK)[2]
    PAGE.write_text(head + MARK + "\n".join(text) + "\n" + MARK + tail, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("parts", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    matrix: dict[str, dict[str, str]] = {}
    versions: list[str] = []
    for part in options.parts:
        found = json.loads(part.read_text(encoding="utf-8"))
        versions = found["versions"]
        for feature, row in found["matrix"].items():
            matrix.setdefault(feature, {}).update(row)
    text = lines(matrix, versions)
    print("\n".join(text))
    if options.keep:
        keep(text)


if __name__ == "__main__":
    main()
