"""A certificate authority for one test, made with the openssl command."""

import pathlib
import ssl
import subprocess


def _openssl(*args: str) -> None:
    subprocess.run(["openssl", *args], check=True, capture_output=True)


class Authority:
    def __init__(self, directory: pathlib.Path, name: str = "ca"):
        self.directory, self.name = directory, name
        self.cert, self._key = directory / f"{name}.pem", directory / f"{name}.key"
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", f"/CN=petiole test {name}", "-keyout", str(self._key),
            "-out", str(self.cert), "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def issue(self, name: str, names: str = "DNS:localhost,IP:127.0.0.1") -> tuple[str, str]:
        """Certificate and key files for a server or a client of these subject alternative names."""
        key, request, cert, more = (
            self.directory / f"{self.name}-{name}.{ending}" for ending in ("key", "csr", "pem", "ext")
        )
        _openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request),
        )  # fmt: skip
        more.write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n")
        _openssl(
            "x509", "-req", "-in", str(request), "-CA", str(self.cert), "-CAkey", str(self._key),
            "-CAcreateserial", "-days", "2", "-out", str(cert), "-extfile", str(more),
        )  # fmt: skip
        return str(cert), str(key)

    def server_tls(self, name: str = "localhost", names: str = "DNS:localhost,IP:127.0.0.1",
                   more: str = "") -> str:
        """A tls block for a server, with `more` lines in it."""
        cert, key = self.issue(name, names)
        return f'tls {{ cert_file: "{cert}", key_file: "{key}", timeout: 5\n {more} }}'

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.cert))
