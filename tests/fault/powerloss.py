"""What a disk may show after the power was cut: a model of files and folders, fed with a record of calls (iorecord.h).

A call changes the contents of a file (write, truncate) or the names of a folder (open that creates, mkdir, link, rename, unlink,
rmdir). A change is durable once fsync was called on that file, or on that folder, after it: the fsync of a file says nothing of its
name, that of a folder nothing of the bytes of its files, nor of the folder's own name. Only a rename between two folders is one
change in both. Changes that are not durable may each be there or not, in these forms:

    least    nothing that is not durable: files have the contents of their last fsync, or are empty
    names    all changes of names, but only durable contents: what a rename without an fsync leaves
    zeros    the same, and files have their full length with zeros in it
    a seed   of each folder a prefix of its changes, or of each name by itself; of each file a random choice of its 4 KiB blocks,
             the others are zeros

This is weaker than what usual file systems do (ext4 makes the names of a new file durable with its fsync, for instance).
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = 4096


@dataclass(eq=False)
class Change:
    """One change; durable in all folders at once."""

    durable: bool = False


@dataclass(eq=False)
class File:
    changes: list = field(default_factory=list)  # (Change, "write" or "size", at, bytes)


@dataclass(eq=False)
class Folder:
    changes: list = field(default_factory=list)  # (Change, name, File or Folder or None)

    def names(self, keep) -> dict:
        have = {}
        for change, name, child in self.changes:
            if keep(change):
                have[name] = child
        return {name: child for name, child in have.items() if child is not None}


def _always(_):
    return True


def _durable(change):
    return change.durable


@dataclass
class Call:
    name: str
    inode: int
    at: int
    path: str
    to: str
    data: bytes


def read_record(path: Path) -> list[Call]:
    calls, text, at = [], path.read_bytes(), 0
    while at < len(text):
        end = text.index(b"\n", at)
        name, inode, offset, length, first, second = text[at:end].decode().split("\t")
        at = end + 1 + int(length)
        calls.append(Call(name, int(inode), int(offset), first, second, text[end + 1 : at]))
    return calls


class Disk:
    """An empty folder at first; apply() each call."""

    def __init__(self, root: Path):
        self.root = str(root)
        self.top = Folder()
        self.by_inode: dict[int, File | Folder] = {os.stat(root).st_ino: self.top}

    # ---- calls

    def _place(self, path: str) -> tuple[Folder, str]:
        """The folder that has the last name of the path."""
        parts = os.path.relpath(path, self.root).split("/")
        folder = self.top
        for part in parts[:-1]:
            folder = folder.names(_always)[part]
        return folder, parts[-1]

    def _set(self, path: str, child, change: Change | None = None) -> None:
        folder, name = self._place(path)
        folder.changes.append((change or Change(), name, child))

    def _get(self, path: str):
        folder, name = self._place(path)
        return folder.names(_always).get(name)

    def apply(self, c: Call) -> None:
        getattr(self, "_" + c.name)(c)

    def _open(self, c):
        if not c.path.endswith(" (deleted)") and self._get(c.path) is None:
            self.by_inode[c.inode] = File()
            self._set(c.path, self.by_inode[c.inode])
        if c.at:
            self.by_inode[c.inode].changes.append((Change(), "size", 0, b""))

    def _write(self, c):
        self.by_inode[c.inode].changes.append((Change(), "write", c.at, c.data))

    def _ftruncate(self, c):
        self.by_inode[c.inode].changes.append((Change(), "size", c.at, b""))

    def _fallocate(self, c):
        pass  # SQLite asks for room; the length is what writes make it

    def _fsync(self, c):
        for change in self.by_inode[c.inode].changes:
            change[0].durable = True

    _fdatasync = _fsync

    def _mkdir(self, c):
        self.by_inode[c.inode] = Folder()
        self._set(c.path, self.by_inode[c.inode])

    def _unlink(self, c):
        self._set(c.path, None)

    _rmdir = _unlink

    def _link(self, c):
        self._set(c.to, self._get(c.path))

    def _rename(self, c):
        change = Change()
        moved = self._get(c.path)
        self._set(c.path, None, change)
        self._set(c.to, moved, change)

    # ---- what the disk may show

    def forms(self, seeds: int):
        yield "least"
        yield "names"
        yield "zeros"
        yield from range(seeds)

    def show(self, form, salt: int = 0) -> dict[str, bytes | None]:
        """Path below the root -> contents, None for a folder."""
        rng = random.Random(f"{form}/{salt}")
        keep = _durable if form == "least" else _always if form in ("names", "zeros") else self._some(rng)
        shown: dict[str, bytes | None] = {}
        self._walk(self.top, "", keep, form, rng, shown)
        return shown

    def _walk(self, folder, path, keep, form, rng, shown):
        for name, child in sorted(folder.names(keep).items()):
            below = path + name
            if isinstance(child, Folder):
                shown[below] = None
                self._walk(child, below + "/", keep, form, rng, shown)
            else:
                shown[below] = _contents(child, form, rng)

    def _folders(self):
        return [f for f in self.by_inode.values() if isinstance(f, Folder)]

    def _some(self, rng):
        """A random choice of changes of names that are not durable, closed under 'what was before it under this name'."""
        chosen: set[Change] = set()
        for folder in self._folders():
            pending = [(c, name) for c, name, _ in folder.changes if not c.durable]
            if rng.random() < 0.5:
                chosen.update(c for c, _ in pending[: rng.randint(0, len(pending))])
                continue
            for name in sorted({name for _, name in pending}):
                mine = [c for c, n in pending if n == name]
                chosen.update(mine[: rng.randint(0, len(mine))])
        more = True
        while more:
            before = len(chosen)
            for folder in self._folders():
                for at, (change, name, _) in enumerate(folder.changes):
                    if change in chosen:
                        chosen.update(c for c, n, _ in folder.changes[:at] if n == name)
            more = len(chosen) > before
        return lambda change: change.durable or change in chosen


def _contents(file: File, form, rng) -> bytes:
    data = bytearray()
    for change, kind, at, new in file.changes:
        if kind == "size":
            if change.durable or form not in ("least", "names"):
                del data[at:]
                data.extend(bytes(at - len(data)))
        elif change.durable:
            _put(data, at, new)
        elif form == "zeros":
            _put(data, at, bytes(len(new)))
        elif form not in ("least", "names"):
            whole = rng.random() < 0.3
            for start in range(0, len(new), BLOCK):
                piece = new[start : start + BLOCK]
                _put(data, at + start, piece if whole or rng.random() < 0.5 else bytes(len(piece)))
    return bytes(data)


def _put(data: bytearray, at: int, new: bytes) -> None:
    data.extend(bytes(max(0, at - len(data))))
    data[at : at + len(new)] = new


def digest(shown: dict[str, bytes | None]) -> str:
    h = hashlib.sha256()
    for path, data in shown.items():
        h.update(path.encode() + b"\0" + (b"folder" if data is None else hashlib.sha256(data).digest()))
    return h.hexdigest()


def build(root: Path, shown: dict[str, bytes | None]) -> None:
    """Makes the folder what the disk shows."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for path, data in shown.items():
        if data is None:
            (root / path).mkdir()
        else:
            (root / path).write_bytes(data)
