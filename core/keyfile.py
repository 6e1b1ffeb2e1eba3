"""A key that is written once, readable by its owner only, and never over another. Standard library only."""

import os
import secrets


def keep(path, data):
    """Write bytes as the key file `path` (pathlib.Path), unless another process has just written one; raises OSError.

    Read the file afterwards: it holds the key that counts, whoever was quicker.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)  # unlike a rename, never over the key of a process that was quicker
    except FileExistsError:
        pass
    finally:
        part.unlink()
