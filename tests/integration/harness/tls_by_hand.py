"""TLS over a socket that stays ours: for ends that no library offers."""

import ssl

from .client import trusting_context
from .outcome import check


class TlsByHand:
    """TLS over a socket that stays ours: for ends that no library offers."""

    def __init__(self, client):
        self.client = client
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = trusting_context().wrap_bio(
            self.incoming, self.outgoing, server_hostname="mx.example.test"
        )
        self.step(self.tls.do_handshake)

    def flush(self):
        self.client.socket.sendall(self.outgoing.read())

    def step(self, operation):
        while True:
            try:
                result = operation()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.client.socket.recv(65536))

    def write(self, data):
        self.client.note("C:", data)
        self.tls.write(data)
        self.flush()

    def reply(self):
        data = b""
        while not data.endswith(b"\r\n"):
            data += self.step(lambda: self.tls.read(65536))
        self.client.note("S:", data)
        return data.decode()

    def command(self, line, code):
        self.write(line.encode() + b"\r\n")
        reply = self.reply()
        check(reply.startswith(code), f"{line}: {reply}")

    def close_notify(self):
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        self.flush()
