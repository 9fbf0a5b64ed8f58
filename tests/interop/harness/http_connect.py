"""An HTTP proxy that knows CONNECT and, if asked to, Basic authentication."""

import base64
import socket
import threading


class ConnectProxy:
    def __init__(self, port: int, user: str = "", password: str = ""):
        self.port, self.requests = port, []
        self._wanted = ""
        if user:
            self._wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(near,), daemon=True).start()

    def _handle(self, near: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = near.recv(1)  # Not a byte of the tunnel may be taken.
            if not data:
                return
            head += data
        lines = head.decode().split("\r\n")
        self.requests.append(lines[0])
        sent = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        method, target, _ = lines[0].split()
        if self._wanted and sent.get("proxy-authorization") != self._wanted:
            near.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            near.close()
            return
        if method != "CONNECT":
            near.sendall(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            near.close()
            return
        host, _, port = target.rpartition(":")
        far = socket.create_connection((host, int(port)))
        near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=_pump, args=(near, far), daemon=True).start()
        _pump(far, near)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
