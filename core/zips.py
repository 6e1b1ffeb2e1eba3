"""What reading a visitor's zip can raise."""

import zipfile
import zlib

ZIP_DAMAGE = (RuntimeError, zipfile.BadZipFile, zlib.error, EOFError)  # RuntimeError: a password, or a way of packing nobody knows
