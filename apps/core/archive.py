"""The one file of a backup: a tar archive with a manifest, the encryption key and the database of one moment."""

import hashlib
import io
import json
import os
import shutil
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
MANIFEST, KEY, DATABASE = "manifest.json", "secret.key", "database"


class ArchiveError(Exception):
    """The file is not a whole backup of this kind; the message says why."""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. `vendor` is Django's name of the database; digests are BLAKE2b, hexadecimal."""

    vendor: str
    created_at: str
    key_digest: str
    database_digest: str
    format: int = FORMAT


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def write(target: Path, *, vendor: str, created_at: str, key: Path, database: Path) -> None:
    """Writes a new archive, readable by its owner only; raises FileExistsError rather than replace a backup."""
    manifest = Manifest(vendor, created_at, digest(key), digest(database))
    # A name of its own until it is whole: what is called a backup can be restored.
    draft = target.with_name(f".{target.name}.draft")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                content = json.dumps(asdict(manifest), indent=1).encode()
                entry = tarfile.TarInfo(MANIFEST)
                entry.size, entry.mode = len(content), 0o600
                archive.addfile(entry, io.BytesIO(content))
                for name, source in ((KEY, key), (DATABASE, database)):
                    archive.add(source, name, filter=_private)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def read(source: Path, folder: Path) -> Manifest:
    """Extracts key and database into a folder and checks both; raises ArchiveError for anything but a whole backup."""
    try:
        with tarfile.open(source) as archive:
            if sorted(archive.getnames()) != sorted([MANIFEST, KEY, DATABASE]):
                raise ArchiveError(f"{source} is not a backup of Berth.")
            for entry in archive:
                content = archive.extractfile(entry)
                if content is None:
                    raise ArchiveError(f"{source} is not a backup of Berth: {entry.name} is not a file.")
                with content, (folder / entry.name).open("xb") as file:
                    shutil.copyfileobj(content, file)
        fields: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise ArchiveError(f"{source} is not a whole backup: {error}") from error
    if fields.get("format") != FORMAT:
        raise ArchiveError(f"{source} has format {fields.get('format')}; this version reads format {FORMAT}.")
    try:
        manifest = Manifest(**fields)
    except TypeError as error:
        raise ArchiveError(f"{source} has a manifest that cannot be read: {error}") from error
    for name, expected in ((KEY, manifest.key_digest), (DATABASE, manifest.database_digest)):
        if digest(folder / name) != expected:
            raise ArchiveError(f"{source} is damaged: its {name} is not the one that was backed up.")
    return manifest


def _private(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o600
    return entry
