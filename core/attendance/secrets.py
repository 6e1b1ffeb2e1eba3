"""The key that seals face vectors, and the passcode that guards the page.

AES-256-GCM with a fresh nonce for every value; what a value is about (its id) is bound to it, so that sealed values
cannot be swapped between rows. The passcode is kept as scrypt's hash with a salt (RFC 7914, n=2^14, r=8, p=1).
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core import keyfile
from core.attendance.records import data_folder
from core.errors import BadInput, StudioError, Unavailable

SHORTEST = 6  # characters of a passcode
TRIES, PAUSE = 5, 30  # wrong passcodes before a pause of so many seconds
WRONG_KEY = (
    "The key does not fit this register: its face vectors cannot be read, and nothing was changed. "
    "Please put the right key file back, or set STUDIO_ATTENDANCE_KEY to the right key."
)


class Vault:
    """key: 32 bytes"""

    def __init__(self, key):
        self.cipher = AESGCM(key)

    def seal(self, data, about):
        """bytes, str -> nonce and ciphertext"""
        nonce = secrets.token_bytes(12)
        return nonce + self.cipher.encrypt(nonce, data, about.encode())

    def open(self, sealed, about):
        """The bytes that were sealed; raises StudioError under another key, or for a changed or swapped value."""
        try:
            return self.cipher.decrypt(sealed[:12], sealed[12:], about.encode())
        except InvalidTag:
            raise StudioError(WRONG_KEY) from None


def open_vault(register):
    """The Vault of a register: key from `STUDIO_ATTENDANCE_KEY` or the key file; a new register gets a new key.

    Raises StudioError where the register was sealed under another key, or its key is gone.
    """
    check = register.setting("key-check")
    key = _key_given() or _key_file(may_make=check is None)
    vault = Vault(key)
    if check is None:
        sealed = base64.b64encode(vault.seal(b"vitrine", "key-check")).decode()
        check = register.set_setting("key-check", sealed, only_new=True)
    vault.open(base64.b64decode(check), "key-check")
    return vault


def _key_given():
    text = os.environ.get("STUDIO_ATTENDANCE_KEY")
    return _decode(text, "STUDIO_ATTENDANCE_KEY") if text else None


def _decode(text, where):
    try:
        key = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise BadInput(f"{where} does not hold a key: 32 bytes in base64 are needed. Please put the right key there; nothing was changed.")
    return key


def key_path():
    return data_folder() / "register.key"


def _key_file(may_make):
    path = key_path()
    try:
        if path.exists():
            return _decode(path.read_text(errors="replace"), str(path))
        if not may_make:
            raise StudioError(f"The key of this register is missing: {path}. {WRONG_KEY}")
        keyfile.keep(path, base64.urlsafe_b64encode(secrets.token_bytes(32)) + b"\n")
        return _decode(path.read_text(), str(path))
    except OSError as error:
        raise Unavailable(f"The key file {path} cannot be read or made ({error.strerror}). Please check its folder, or set STUDIO_ATTENDANCE_KEY.") from None


def hashed(passcode):
    """Passcode -> "salt$hash" in hex; raises BadInput for one that is too short."""
    if len(passcode) < SHORTEST:
        raise BadInput(f"A passcode needs {SHORTEST} characters or more. Please choose a longer one.")
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${_scrypt(passcode, salt).hex()}"


def _scrypt(passcode, salt):
    return hashlib.scrypt(passcode.encode(), salt=salt, n=2**14, r=8, p=1)


class Guard:
    """Whether a passcode is asked for, and whether the one given fits. `STUDIO_ATTENDANCE_PASSCODE` goes before the stored one."""

    def __init__(self, register):
        self.register, self.wrong, self.closed_until = register, 0, 0.0

    @property
    def is_set(self):
        return bool(os.environ.get("STUDIO_ATTENDANCE_PASSCODE") or self.register.setting("passcode"))

    def choose(self, passcode):
        """The first passcode of a register; raises BadInput where one stands already."""
        mine = hashed(passcode)
        if self.is_set or self.register.set_setting("passcode", mine, only_new=True) != mine:
            raise BadInput("A passcode has been chosen already. Please enter that one.")

    def enter(self, passcode):
        """Raise BadInput unless it fits; after five wrong ones, everyone waits half a minute."""
        if time.monotonic() < self.closed_until:
            raise BadInput(f"Too many wrong passcodes. Please wait {PAUSE} seconds and try again.")
        given = os.environ.get("STUDIO_ATTENDANCE_PASSCODE")
        if given:
            fits = hmac.compare_digest(given.encode(), passcode.encode())
        else:
            salt, _, kept = (self.register.setting("passcode") or "$").partition("$")
            fits = bool(kept) and hmac.compare_digest(bytes.fromhex(kept), _scrypt(passcode, bytes.fromhex(salt)))
        if fits:
            self.wrong = 0
            return
        self.wrong += 1
        if self.wrong % TRIES == 0:
            self.closed_until = time.monotonic() + PAUSE
        raise BadInput("That is not the passcode. Please try again.")
