"""Files that only their owner can read: replaced as a whole, or written in place where that is impossible."""

from __future__ import annotations

import errno
import os
import shlex
import stat
import tempfile
from contextlib import suppress
from io import FileIO
from pathlib import Path

from retake_flow.errors import CredentialsError

MAX_SIZE = 1 << 20  # bytes

# A file that is itself a mount cannot be replaced by a rename (EBUSY). In a folder of another user, or on a file system
# that is read-only around the file, no new file can be created. The file itself may still be writable.
_FIXED = {errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS}


def read(path: Path) -> bytes | None:
    """The content of the file; None if it does not exist.

    Raises:
        CredentialsError: Others may open it, or it is not a readable file.
    """
    try:
        # Without O_NONBLOCK, a pipe in its place would block until a writer appears.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CredentialsError(
            f"{path} cannot be read: {error.strerror}",
            hint="make the user that runs this its owner, or pass the token in RETAKE_ACCESS_TOKEN",
        ) from error
    try:
        _check(path, os.fstat(handle))
        with open(handle, "rb", closefd=False) as file:
            return file.read(MAX_SIZE)
    finally:
        os.close(handle)


def replace(path: Path, content: bytes) -> None:
    """Write the file, so that a crash leaves the old one or the new one. A missing folder is created with mode 0700.

    If a new file cannot replace it, the existing one is written in place, in one piece; blanks may follow for a moment.

    Raises:
        OSError: It cannot be written; the old file is untouched.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        _swap(path, content)
    except OSError as error:
        if error.errno not in _FIXED:
            raise
        try:
            _overwrite(path, content)
        except FileNotFoundError:
            raise error from None


def create(path: Path) -> FileIO:
    """A new file to write to, which replaces anything at its path: links are not followed, pipes not waited for.

    Raises:
        OSError: It cannot be created.
    """
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return FileIO(handle, "wb")


def own_folder(path: Path) -> Path:
    """The path of our folder with all links resolved; created with mode 0700 if missing.

    Raises:
        OSError: It cannot be created; or another user owns it or a link on its path, and could redirect us.
    """
    absolute = path.absolute()
    links = [each for each in (absolute, *absolute.parents) if each.is_symlink()]
    if all(link.lstat().st_uid in (0, os.getuid()) for link in links):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_uid == os.getuid():
            return path.resolve()
    raise PermissionError(errno.EPERM, "it is another user's", str(path))


def remove(path: Path) -> None:
    """Remove the file, if it exists, and any remains of a killed writer."""
    for file in (path, *path.parent.glob(f".{path.name}.*")):
        file.unlink(missing_ok=True)


def _swap(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600 from the start
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            with suppress(OSError):  # root in a container must not take the file from its owner outside
                owner = path.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        os.replace(name, path)
    except BaseException:
        _discard(Path(name))
        raise
    with suppress(PermissionError):  # a folder that is writable but not readable
        _flush_folder(path.parent)


def _discard(path: Path) -> None:
    """Remove a file; where the folder permits no removal, as an append-only one, remove its content."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        with suppress(OSError):
            os.truncate(path, 0)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)  # else a power loss may lose the new name
    finally:
        os.close(handle)


def _overwrite(path: Path, content: bytes) -> None:
    """Write into the existing file in one call, so that a kill leaves the old content or the new."""
    handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        old = os.pread(handle, MAX_SIZE, 0)
        # Blanks cover the rest of a longer old content: the file is valid at any moment before it is truncated.
        padded = content.ljust(len(old))
        if os.pwrite(handle, padded, 0) < len(padded):
            os.pwrite(handle, old, 0)
            os.ftruncate(handle, len(old))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.ftruncate(handle, len(content))
        os.fsync(handle)
    finally:
        os.close(handle)


def _check(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        hint = "a container engine makes a folder where the host has no file to mount; remove it and mount a file"
        raise CredentialsError(f"{path} is not a file but a folder", hint=hint)
    if not stat.S_ISREG(status.st_mode):
        raise CredentialsError(f"{path} is not a file")
    mode = stat.S_IMODE(status.st_mode)
    if mode & _forbidden_mode(status):
        raise CredentialsError(
            f"{path} is open to other users of this machine (mode {mode:04o})",
            hint=f"chmod 600 {shlex.quote(str(path))}, or pass the token in RETAKE_ACCESS_TOKEN",
        )
    if status.st_size > MAX_SIZE:
        raise CredentialsError(f"{path} is too large for a credentials file")


def _forbidden_mode(status: os.stat_result) -> int:
    """The permissions that a secret file must not have.

    Others can read a root-owned file only by way of its group: Kubernetes mounts secrets so (mode 0440). PostgreSQL has
    the same rule for its keys.
    """
    handed_over = status.st_uid == 0 and os.geteuid() != 0
    return 0o037 if handed_over else 0o077
