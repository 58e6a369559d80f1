"""Images of the installation itself, built without a registry: layers on a base made of Debian's static busybox."""

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

BUSYBOX = Path("/bin/busybox")
BASE_IMAGE = "berth/base:1"
RECIPE_LABEL = "berth-recipe"  # not under `berth.`: containers inherit it, and those labels are the panel's own
BUILD_TIMEOUT_S = 120


class BuildError(Exception):
    """The engine refused an image; the message holds its words."""


def ensure_image(tag: str, files: dict[str, bytes], *, engine_url: str) -> str:
    """Builds an image from a build context (path → content, with a Dockerfile) unless it is there. Returns its id.

    An image made from another context is built anew; `FROM berth/base:1` is at hand without a registry.
    """
    recipe = _digest({"base": BUSYBOX.read_bytes(), **files})
    found = _docker(engine_url, "image", "ls", "-q", "--no-trunc", "--filter", f"label={RECIPE_LABEL}={recipe}", tag)
    if not found:
        _ensure_base(engine_url)
        context = _tar({path: (content, 0o644) for path, content in files.items()}, links={})
        arguments = ["--quiet", "--label", f"{RECIPE_LABEL}={recipe}", "--tag", tag, "-"]
        found = _docker(engine_url, "build", *arguments, stdin=context)
    return found


def _ensure_base(engine_url: str) -> None:
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    files = {
        "bin/busybox": (BUSYBOX.read_bytes(), 0o755),
        "etc/passwd": (b"root:x:0:0:root:/:/bin/sh\napp:x:1000:1000:app:/:/bin/sh\n", 0o644),
        "etc/group": (b"root:x:0:\napp:x:1000:\n", 0o644),
    }
    links = {f"bin/{applet}": "busybox" for applet in applets if applet != "busybox"}
    recipe = _digest({path: content for path, (content, _) in files.items()})
    if not _docker(engine_url, "image", "ls", "-q", "--filter", f"label={RECIPE_LABEL}={recipe}", BASE_IMAGE):
        changes = ["-c", "ENV PATH=/bin", "-c", f"LABEL {RECIPE_LABEL}={recipe}"]
        _docker(engine_url, "import", *changes, "-", BASE_IMAGE, stdin=_tar(files, links))


def _docker(engine_url: str, *arguments: str, stdin: bytes = b"") -> str:
    command = ["docker", "--host", engine_url, *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=BUILD_TIMEOUT_S, check=False)
    if done.returncode:
        raise BuildError(done.stderr.decode(errors="replace").strip() or f"{command} failed")
    return done.stdout.decode().strip()


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for path, content in sorted(files.items()):
        digest.update(f"{path}:{len(content)}:".encode() + content)
    return digest.hexdigest()


def _tar(files: dict[str, tuple[bytes, int]], links: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, (content, mode) in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
        for path, target in links.items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return buffer.getvalue()
