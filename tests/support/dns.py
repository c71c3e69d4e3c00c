"""A real DNS server on loopback whose answers a test scripts, and a resolver that asks it."""

import socketserver
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from threading import Thread

import dns.message
import dns.rdataclass
import dns.rdatatype
import dns.resolver
import dns.rrset

from common.addresses import Address
from worker.webhooks.egress.errors import Unresolved

VERSIONS = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}


class NameServer(socketserver.UDPServer):
    """Answers the n-th look-up of a name with the n-th of its address lists, then the last."""

    def __init__(self, names: Mapping[str, Sequence[Sequence[str]]]) -> None:
        super().__init__(("127.0.0.1", 0), _Question)
        self.asked: Counter[tuple[str, int]] = Counter()
        self._names = names

    @classmethod
    @contextmanager
    def running(cls, **names: Sequence[Sequence[str]]) -> "Iterator[NameServer]":
        """A started server; ``a_b`` is the name a.b."""
        with cls({name.replace("_", "."): turns for name, turns in names.items()}) as server:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield server
            finally:
                server.shutdown()
                thread.join()

    def lookups(self, name: str) -> int:
        """How often the IPv4 addresses of a name were asked for."""
        return self.asked[name, 4]

    def resolve(self, host: str, seconds: float) -> list[Address]:
        """Ask this server, over UDP. Raises Unresolved."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.server_address[1]
        try:
            found = resolver.resolve_name(host, lifetime=seconds, search=False)
        except dns.resolver.NoAnswer:
            raise Unresolved(f"The name {host} has no address.") from None
        return [ip_address(text) for text in found.addresses()]

    def answer(self, packet: bytes) -> bytes:
        """The response to one query."""
        query = dns.message.from_wire(packet)
        question = query.question[0]
        name, version = question.name.to_text(omit_final_dot=True), VERSIONS[question.rdtype]
        turns = self._names[name]
        addresses = turns[min(self.asked[name, version], len(turns) - 1)]
        self.asked[name, version] += 1
        response = dns.message.make_response(query, recursion_available=True)
        mine = [text for text in addresses if ip_address(text).version == version]
        if mine:
            response.answer.append(
                dns.rrset.from_text_list(question.name, 0, dns.rdataclass.IN, question.rdtype, mine)
            )
        return response.to_wire()


class _Question(socketserver.BaseRequestHandler):
    server: NameServer

    def handle(self) -> None:
        packet, socket = self.request
        socket.sendto(self.server.answer(packet), self.client_address)
