"""What was made, by what, from what, when: Content Credentials (C2PA 2) inside the file, signed with this studio's key.

The key is made at first use and stays on this machine (`STUDIO_DATA`, else ~/.local/share/vitrine), with a certificate
of our own making: readers elsewhere call the signature whole but the signer unknown to them, which is the truth. Nothing
is asked of the network: no time stamp server, no list of trusted signers.
"""

import datetime
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path

from core import keyfile
from core.errors import Unavailable

STATEMENT = "org.vitrine.made"
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCES = {"swapped": "compositeSynthetic", "generated": "trainedAlgorithmicMedia"}
YEARS = 20
TYPES = {
    b"\x89PNG": "image/png",
    b"GIF8": "image/gif",
    b"\xff\xd8\xff": "image/jpeg",
    b"RIFF": "image/webp",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}


@dataclass(frozen=True)
class Signed:
    """What a file says of itself. `whole`: nothing was changed since it was signed; `ours`: by this studio's key."""

    whole: bool
    ours: bool
    signer: str
    statement: dict | None  # ours: see statement(); None where another program signed
    report: dict  # all of the manifest, as C2PA prints it


def statement(kind, model, made, inputs=(), consent="", mark="", **more):
    """The part of the manifest that is the studio's own, as JSON-ready dict.

    kind: "swapped" or "generated"; made: datetime; inputs: SHA-256 in hex of what went in; consent: the sentence agreed to
    """
    return {"kind": kind, "model": model, "made": made.isoformat(timespec="seconds"), "inputs": list(inputs), "consent": consent, "mark": mark} | more


def sign(data, mime, said):
    """Bytes of a picture or mp4, "image/png" and the like, statement -> bytes of the same file that carry the signed manifest."""
    import c2pa

    chain, key = _credentials()
    agent = {"name": "Vitrine", "version": "1"}
    action = {"action": "c2pa.created", "when": said["made"], "softwareAgent": agent, "digitalSourceType": SOURCE + SOURCES[said["kind"]]}
    claim = {
        "claim_generator_info": [agent],
        "title": f"{said['kind']}, by the {said['model']}",
        "format": mime,
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}, {"label": STATEMENT, "data": said}],
    }
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(alg=b"ed25519", sign_cert=chain, private_key=key, ta_url=None))
    out = io.BytesIO()
    with c2pa.Builder(json.dumps(claim)) as builder:
        builder.sign(signer, mime, io.BytesIO(data), out)
    return out.getvalue()


def read(data):
    """Bytes of a file -> Signed, or None where it carries no manifest that can be read."""
    import c2pa

    mime = type_of(data)
    if mime is None:
        return None
    anchor = _credentials()[0].split(b"-----END CERTIFICATE-----\n", 1)[1].decode()
    offline = {"trust": {"trust_anchors": anchor}, "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False}}
    try:
        with c2pa.Reader(mime, io.BytesIO(data), context=c2pa.Context(c2pa.Settings.from_dict(offline))) as reader:
            state, report = reader.get_validation_state(), json.loads(reader.json())
    except c2pa.C2paError:
        return None
    active = report["manifests"][report["active_manifest"]]
    said = next((a["data"] for a in active.get("assertions", []) if a["label"] == STATEMENT), None)
    signer = active.get("signature_info", {}).get("issuer") or "somebody who gives no name"
    return Signed(state in ("Valid", "Trusted"), state == "Trusted", signer, said, report)


def type_of(data):
    """The MIME type that the first bytes show, or None for what carries no manifest."""
    if data[4:8] == b"ftyp":
        return "image/avif" if data[8:12] in (b"avif", b"avis") else "video/mp4"
    return next((mime for magic, mime in TYPES.items() if data.startswith(magic)), None)


def key_path():
    """Where this studio's key and certificates lie."""
    return Path(os.environ.get("STUDIO_DATA") or Path.home() / ".local" / "share" / "vitrine") / "provenance" / "studio.pem"


def _credentials():
    """(certificates, ours first and then its root's; private key), PEM each; made at first use."""
    path = key_path()
    try:
        if not path.exists():
            keyfile.keep(path, _new_credentials())
        chain, mark, key = path.read_bytes().partition(b"-----BEGIN PRIVATE KEY-----")
    except OSError as error:
        raise Unavailable(f"The studio's signing key {path} cannot be read or made ({error.strerror}). Please check its folder, or set STUDIO_DATA.") from None
    return chain, mark + key


def _new_credentials():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    root, own = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    certificates = _certificate("Vitrine root", own, root, "This studio") + _certificate("Vitrine root", root, root, "Vitrine root")
    return certificates + own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate(issuer, key, root, name):
    """PEM of a certificate as C2PA 2.1, section 14.5, wants it; the root's key signs it and is thrown away."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def called(text):
        return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Vitrine"), x509.NameAttribute(NameOID.COMMON_NAME, text)])

    authority, now = name == issuer, datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False)
    usage |= {"digital_signature": not authority, "key_cert_sign": authority, "crl_sign": authority}
    made = (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .issuer_name(called(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), True)
        .add_extension(x509.KeyUsage(**usage), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), False)
    )
    if not authority:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
    return made.sign(root, None).public_bytes(Encoding.PEM)
