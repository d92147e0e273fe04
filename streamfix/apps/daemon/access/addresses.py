"""The addresses behind a host name, and whether they belong to the public internet."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from ....errors import UsageError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str], Sequence[Address]]

_TIMEOUT_S = 5.0
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052
_UNICAST = ip_network("2000::/3")  # everything that IANA has assigned as global
# A name server that does not answer holds its thread in C indefinitely: this bounds how many.
_slots = threading.BoundedSemaphore(8)


def resolve(host: str) -> list[Address]:
    """Every address of a host, as the connection's own look-up will find them.

    That includes forms that inet_aton accepts as an address: 127.1, 0x7f000001, 017700000001, 2130706433.
    Raises UsageError if there is none, or no answer in time.
    """
    if not _slots.acquire(blocking=False):
        raise UsageError(f"{host}: too many host names are being looked up; try again in a minute, or give an address")
    answer: list[list[Address] | OSError | UnicodeError] = []
    done = threading.Event()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            answer.append([ip_address(str(place[0]).partition("%")[0]) for *_, place in found])
        except (OSError, UnicodeError) as error:
            answer.append(error)
        finally:
            _slots.release()
            done.set()

    threading.Thread(target=look_up, name="look up", daemon=True).start()
    if not done.wait(_TIMEOUT_S):
        raise UsageError(f"{host}: no name server answered within {_TIMEOUT_S:g} s; give the address")
    if not isinstance(answer[0], list):
        reason = getattr(answer[0], "strerror", None) or "it is not a host name"
        raise UsageError(f"{host}: the look-up failed: {reason}; give another name, or an address")
    return list(dict.fromkeys(answer[0]))


def is_public(address: Address) -> bool:
    """True for an address of the public internet; an address embedded in it must be public too.

    Not public: private, loopback, link-local, shared (RFC 6598), reserved, multicast and unspecified ones.
    """
    return all(
        a.is_global and not (a.is_multicast or a.is_reserved or a.is_unspecified) and (a.version == 4 or a in _UNICAST)
        for a in _inside(address)
    )


def is_within(address: Address, networks: Sequence[Network]) -> bool:
    """True if the address, seen as itself or as the IPv4 address that it maps, lies in one of the networks."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any(a in network for network in networks for a in (address, mapped) if a is not None)


def _inside(address: Address) -> Iterator[Address]:
    """The address, or the IPv4 addresses that packets to it end up at (RFC 4291, 3056, 4380, 6052)."""
    if isinstance(address, IPv4Address):
        yield address
        return
    carried = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        carried.append(IPv4Address(int(address) & 0xFFFFFFFF))
    if address.ipv4_mapped is None and address not in _NAT64:
        yield address
    yield from (a for a in carried if a is not None)
