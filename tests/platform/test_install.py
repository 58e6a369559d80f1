"""`deploy/install`, in a mount namespace where some of what it looks for is hidden."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from panel.env import BASE_DIR
from tests.support.services import POSTGRESQL

# Root needs no user namespace for this, and cannot have one in a chroot.
IS_ROOT = os.geteuid() == 0
AS_OPERATOR = ["unshare", "--mount"] if IS_ROOT else ["unshare", "--mount", "--map-root-user"]
AS_SOMEBODY = (
    ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if IS_ROOT else ["unshare", "--map-user=1000"]
)


def install_without_postgresql(
    folder: Path, *, user: Sequence[str] = (), os_release: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs the script where PostgreSQL's programs are hidden, as root or as another user, on Debian or elsewhere."""
    (folder / "nothing").mkdir()
    mounts = [f"mount --bind {folder}/nothing {POSTGRESQL}"]
    if os_release:
        (folder / "os-release").write_text(os_release)
        mounts.append(f"mount --bind {folder}/os-release /etc/os-release")
    script = " && ".join([*mounts, " ".join(["exec", *user, "deploy/install", "dev"])])
    return subprocess.run([*AS_OPERATOR, "sh", "-c", script], cwd=BASE_DIR, capture_output=True, text=True, check=False)


def test_it_says_and_does_nothing_when_nothing_is_missing():
    done = subprocess.run([BASE_DIR / "deploy" / "install"], capture_output=True, text=True, check=True)

    assert done.stdout == done.stderr == ""


def test_it_tells_who_is_not_root_what_to_install(tmp_path):
    done = install_without_postgresql(tmp_path, user=AS_SOMEBODY)

    assert done.returncode == 1
    assert "sudo apt-get install -y --no-install-recommends postgresql-15" in done.stderr


def test_it_leaves_another_system_alone_and_names_what_is_missing(tmp_path):
    done = install_without_postgresql(tmp_path, os_release="ID=fedora\nVERSION_ID=42\n")

    assert done.returncode == 1
    assert "This is not Debian 12" in done.stderr
    assert "postgresql-15" in done.stderr
