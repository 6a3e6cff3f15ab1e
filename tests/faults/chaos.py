"""A TCP proxy between agents and their server that harms connections by a seed: what networks, load balancers and NAT boxes
do. Each connection gets one fault, at a byte that the seed draws; heal() lets everything through."""

import random
import selectors
import socket
import threading
import time

FAULTS = ("drop", "delay", "truncate", "half_close", "duplicate")


class _Connection(threading.Thread):
    """One client; forwards both ways until its fault."""

    def __init__(self, proxy, client, fault, at):
        super().__init__(daemon=True)
        self.proxy, self.client, self.fault, self.at = proxy, client, fault, at
        self.server, self.sent, self.got, self.first = None, 0, 0, b""

    def run(self):
        try:
            self.server = socket.create_connection(self.proxy.target, timeout=10)
            with selectors.DefaultSelector() as ready:
                for end in (self.client, self.server):
                    end.setblocking(True)
                    ready.register(end, selectors.EVENT_READ)
                self.pump(ready)
        except OSError:
            pass
        finally:
            self.close()

    def close(self):
        for end in (self.client, self.server):
            if end is not None:
                try:
                    end.close()
                except OSError:
                    pass

    def pump(self, ready):
        while not self.proxy.ended:
            for key, _ in ready.select(0.2):
                data = key.fileobj.recv(65536)
                up = key.fileobj is self.client
                if not data:
                    other = self.server if up else self.client
                    ready.unregister(key.fileobj)
                    other.shutdown(socket.SHUT_WR)
                    if len(ready.get_map()) == 0:
                        return
                    continue
                if self.forward(data, up):
                    return

    def forward(self, data, up):
        """True when the connection is over."""
        if up:
            self.sent += len(data)
            self.first += data if len(self.first) < 65536 else b""
        else:
            self.got += len(data)
        to = self.server if up else self.client
        fault = None if self.proxy.healed else self.fault
        over = (self.sent if up else self.got) - self.at
        if fault == "delay":
            time.sleep(self.proxy.delay)
        elif fault == "drop" and up and over >= 0:  # the request arrives in part or not at all
            to.sendall(data[:max(0, len(data) - over)])
            return self.reset("drop")
        elif fault == "truncate" and not up and over >= 0:  # it was carried out, and the reply breaks off
            to.sendall(data[:max(0, len(data) - over)])
            return self.reset("truncate")
        elif fault == "half_close" and up and over >= 0:  # no more is sent that way, and nobody says so
            to.sendall(data[:max(0, len(data) - over)])
            self.proxy.count("half_close")
            self.fault = None
            to.shutdown(socket.SHUT_WR)
            return False
        to.sendall(data)
        if fault == "duplicate" and not up and self.first:
            self.again(self.first)
            self.first, self.fault = b"", None
        return False

    def again(self, request):
        """The same bytes once more, as a retrying middlebox sends them; nobody reads the second answer to the end."""
        self.proxy.count("duplicate")
        try:
            with socket.create_connection(self.proxy.target, timeout=2) as twin:
                twin.sendall(request)
                twin.settimeout(0.5)
                twin.recv(65536)
        except OSError:
            pass

    def reset(self, name):
        """Ends by RST, not by FIN."""
        self.proxy.count(name)
        for end in (self.client, self.server):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return True


class Proxy(threading.Thread):
    """`url` stands for the server's; faults are drawn from `faults` by the seed."""

    def __init__(self, server, seed, faults=FAULTS, delay=0.05, farthest=3000, nearest=1):
        super().__init__(daemon=True)
        host, _, port = server.url.partition("://")[2].rpartition(":")
        self.target, self.delay, self.range = (host, int(port)), delay, (nearest, farthest)
        self.random, self.faults = random.Random(seed), faults
        self.healed = self.ended = False
        self.done, self._lock = {}, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.2)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def count(self, fault):
        with self._lock:
            self.done[fault] = self.done.get(fault, 0) + 1

    def run(self):
        while not self.ended:
            try:
                client, _ = self.listener.accept()
            except TimeoutError:
                continue
            fault = self.random.choice(self.faults) if self.faults else None
            _Connection(self, client, fault, self.random.randrange(*self.range)).start()

    def heal(self):
        self.healed = True

    def harmed(self):
        """How many connections came to harm."""
        with self._lock:
            return sum(self.done.values())

    def end(self):
        self.ended = True
        self.join()
        self.listener.close()
