"""A small OpenID Connect issuer: a real HTTP server with a discovery document, keys, and tokens that it signs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from tests.http_stub import Answering, answering

AUDIENCE = "https://zava.example/mcp"


class Issuer:
    """What the server publishes can be changed while it runs.

    `asked` and `answered` count, by path, the requests that came and the answers that were sent to their end;
    what is `trickling` comes byte by byte.
    """

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}
        self.answered: dict[str, int] = {}
        self.trickling: set[str] = set()
        self.url = ""
        self.signing: Key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
        self.published: list[Key] = [self.signing]
        self.answers: dict[str, Any] = {}
        """Answers that stand in for the ordinary ones, by path: a document, or a redirect's target as text."""

    def rotate(self, kid: str, *, keep: bool = False) -> None:
        """Signs with a new key from now on; the old one stays published only with `keep`."""
        old = self.published
        self.signing = RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})
        self.published = [*(old if keep else []), self.signing]

    def use_elliptic_curve(self) -> None:
        """Signs with ES256 from now on."""
        self.signing = ECKey.generate_key("P-256", {"kid": "curve", "use": "sig"})
        self.published = [*self.published, self.signing]

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Claims that are good for Sam of Seattle; a change to None leaves a claim out."""
        now = int(time.time())
        good = {
            "iss": self.url, "aud": AUDIENCE, "sub": "user-1", "email": "sam@zava.example", "iat": now,
            "exp": now + 300, "scope": "openid zava:reports zava:search",
        }  # fmt: skip
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(self, *, key: Key | None = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A signed token."""
        key = key or self.signing
        algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
        head = {"alg": algorithm, "kid": key.kid} | (header or {})
        return jwt.encode(head, self.claims(**changes), key, algorithms=[head["alg"]])

    def document(self, path: str) -> Any:
        """What is published at a path; None for nothing."""
        if path in self.answers:
            return self.answers[path]
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        if path == "/keys":
            return {"keys": [key.as_dict(private=False) for key in self.published]}
        return None


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """An issuer on a port of this machine."""
    issuer = Issuer()

    class Answer(Answering):
        def respond(self) -> None:
            issuer.asked[self.path] = issuer.asked.get(self.path, 0) + 1
            found = issuer.document(self.path)
            body = b"" if found is None or isinstance(found, str) else json.dumps(found).encode()
            status = 302 if isinstance(found, str) else 404 if found is None else 200
            place = {"location": found} if isinstance(found, str) else {}
            self.begin(status, len(body), {"content-type": "application/json", **place})
            try:
                for piece in (body[i : i + 1] for i in range(len(body))) if self.path in issuer.trickling else [body]:
                    time.sleep(0.05 if self.path in issuer.trickling else 0)
                    self.wfile.write(piece)
            except OSError:
                return
            issuer.answered[self.path] = issuer.answered.get(self.path, 0) + 1

    with answering(Answer) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}"
        yield issuer
