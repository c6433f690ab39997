"""Credentials of NATS, made with openssl: an operator, an account with JetStream, and a user of it (JWTs of version 2)."""
import base64
import json
import pathlib
import subprocess
import time

OPERATOR, ACCOUNT, USER, SEED = 14 << 3, 0, 20 << 3, 18 << 3


def _checksum(data):
    """CRC-16 as XMODEM has it."""
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value.to_bytes(2, "little")


def _key_text(data):
    return base64.b32encode(data + _checksum(data)).decode().rstrip("=")


def _base64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    """An Ed25519 key in a file, by the kinds that NATS tells apart."""

    def __init__(self, folder, kind, name):
        self._file = pathlib.Path(folder) / f"{name}.key"
        self._openssl("genpkey", "-algorithm", "ed25519", "-out", self._file)
        # The raw keys are the last bytes of either form.
        secret = self._openssl("pkey", "-in", self._file, "-outform", "DER")[-32:]
        public = self._openssl("pkey", "-in", self._file, "-pubout", "-outform", "DER")[-32:]
        self.public = _key_text(bytes([kind]) + public)
        self.seed = _key_text(bytes([SEED | kind >> 5, (kind & 31) << 3]) + secret)

    def sign(self, data):
        path = self._file.with_suffix(".in")
        path.write_bytes(data)
        return self._openssl("pkeyutl", "-sign", "-rawin", "-inkey", self._file, "-in", path)

    def token(self, subject, name, **nats):
        """A JWT for `subject`."""
        claims = {"jti": name, "iat": int(time.time()), "iss": self.public, "name": name, "sub": subject.public,
                  "nats": {**nats, "version": 2}}
        parts = [_base64(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, claims)]
        return ".".join([*parts, _base64(self.sign(".".join(parts).encode()))])

    def _openssl(self, *arguments):
        return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout


class Credentials:
    """What a server's configuration says of them, the file that a user has, and how nats-py shows them."""

    def __init__(self, folder):
        operator, user = Key(folder, OPERATOR, "operator"), Key(folder, USER, "user")
        # JetStream wants an account of the system's as well.
        account, system = Key(folder, ACCOUNT, "account"), Key(folder, ACCOUNT, "system")
        limits = dict.fromkeys(["subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage",
                                "disk_storage", "streams", "consumer"], -1)
        of_operator = operator.token(operator, "operator", type="operator")
        of_account = operator.token(account, "account", type="account", limits={**limits, "wildcards": True})
        of_system = operator.token(system, "system", type="account", limits={"wildcards": True})
        of_user = account.token(user, "user", type="user", subs=-1, data=-1, payload=-1, pub={}, sub={})
        self.settings = (f"operator: {of_operator}\nsystem_account: {system.public}\nresolver: MEMORY\n"
                         f"resolver_preload: {{ {account.public}: {of_account}, {system.public}: {of_system} }}\n")
        self.client = {"user_jwt_cb": of_user.encode,
                       "signature_cb": lambda nonce: base64.b64encode(user.sign(nonce.encode()))}
        self.file = pathlib.Path(folder) / "user.creds"
        self.file.write_text(f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n"
                             f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n")
