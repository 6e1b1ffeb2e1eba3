"""One web page, fetched for a visitor, from the public internet only.

The name is looked up once, every address it stands for must be public, and the connection goes to the address that was
checked: a name that answers differently the second time, or a redirect, cannot lead into the local network.
"""

import http.client
import ipaddress
import socket
import ssl
from urllib.parse import unquote, urljoin, urlsplit

from core.errors import BadInput, Unavailable

MAX_BYTES = 20 * 2**20
SECONDS = 20  # for each step of the connection
REDIRECTS = 5


def fetch(address):
    """http(s) address -> (bytes, name for the document)."""
    address = address.strip()
    for _ in range(REDIRECTS + 1):
        status, location, kind, data = _get(address)
        if status not in (301, 302, 303, 307, 308) or not location:
            break
        address = urljoin(address, location)
    else:
        raise BadInput(f"{address} sends from one address to the next without end. Please open it in a browser and save the page.")
    if status != 200:
        raise BadInput(f"{urlsplit(address).hostname} answered with error {status}. Please check the address.")
    return data, _name(address, kind)


def _get(address):
    try:
        parts = urlsplit(address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise BadInput("This is not a web address. It starts with https:// and names a site.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise BadInput("This is not a web address. It starts with https:// and names a site, without a user name.")
    connection = _Connection(parts.hostname, port, public_address(parts.hostname, port), parts.scheme == "https")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET", path, headers={"User-Agent": "Vitrine", "Accept-Encoding": "identity"})
        answer = connection.getresponse()
        data = answer.read(MAX_BYTES + 1)
    except (OSError, http.client.HTTPException, ValueError):
        raise Unavailable(
            f"{parts.hostname} cannot be reached from here. Please check the address and the connection, or save the page and drop it here."
        ) from None
    finally:
        connection.close()
    if len(data) > MAX_BYTES:
        raise BadInput(f"This page has more than {MAX_BYTES // 2**20} MB. Please save it and drop the file here.")
    return answer.status, answer.headers.get("Location"), answer.headers.get_content_type(), data


def public_address(host, port):
    """The address to connect to; BadInput if the name stands for any that is not on the public internet."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        raise Unavailable(f"{host} cannot be found from here. Please check the address and the connection.") from None
    for text in found:
        ip = ipaddress.ip_address(text.split("%")[0])
        ip = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
        if not ip.is_global or ip.is_multicast:
            raise BadInput(f"{host} is an address inside a local network; only public web pages are read. Please drop the file here instead.")
    return sorted(found, key=lambda text: ":" in text)[0]


class _Connection(http.client.HTTPConnection):
    """A connection to an address that was checked, under the name that was asked for."""

    def __init__(self, host, port, address, secure):
        super().__init__(host, port, timeout=SECONDS)
        self.address, self.secure = address, secure

    def connect(self):
        self.sock = socket.create_connection((self.address, self.port), SECONDS)
        if self.secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


KINDS = {"text/html": "html", "application/xhtml+xml": "html", "application/pdf": "pdf", "text/plain": "txt", "text/markdown": "md", "text/csv": "csv"}


def _name(address, kind):
    parts = urlsplit(address)
    last = unquote(parts.path.rstrip("/").rsplit("/", 1)[-1])
    name = f"{parts.hostname} {last}".strip().replace("/", " ")
    suffix = KINDS.get(kind, "html")
    return name if name.lower().endswith("." + suffix) else f"{name}.{suffix}"
