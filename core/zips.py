"""What reading a visitor's zip can raise."""

import zipfile
import zlib

ZIP_DAMAGE = (RuntimeError, zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError)  # RuntimeError: a password is wanted
