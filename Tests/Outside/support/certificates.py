"""An authority and certificates made with openssl."""
import pathlib
import subprocess


class Authority:
    """Signs certificates for 127.0.0.1 and for clients; everything lies in its folder as PEM files."""

    def __init__(self, folder, name="Test authority"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate = self.folder / "authority.pem"
        self._key = self.folder / "authority.key"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                      "2", "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate)

    def issue(self, name, alternative_names="DNS:localhost,IP:127.0.0.1", usage="serverAuth"):
        """A certificate and its key: (certificate path, key path)."""
        key, request, certificate, extensions = (
            self.folder / f"{name}.{suffix}" for suffix in ("key", "csr", "pem", "ext"))
        extensions.write_text(f"basicConstraints=CA:FALSE\nextendedKeyUsage={usage}\n"
                              f"subjectAltName={alternative_names}\n")
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                      f"/CN={name}", "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-days", "2",
                      "-CAcreateserial", "-extfile", extensions, "-out", certificate)
        return certificate, key

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
