"""A small identity provider on loopback: OpenID Connect's code flow, for whoever it is told to sign in.

It shares nothing with the product. Whoever asks is signed in at once, as the claims say that were set last.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from support.ports import free_port

CLIENT_ID, CLIENT_SECRET = "the-app", "made-up-secret"
_KEY = RSAKey.generate_key(2048, parameters={"kid": "key-1"})


class IdentityProvider:
    """Signs in everybody as `claims`."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.claims: dict[str, Any] = {}
        self.is_down = False
        self._nonces: dict[str, str | None] = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/keys", self._keys),
                Route("/userinfo", self._userinfo),
            ]
        )

    @property
    def metadata_url(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"

    async def _metadata(self, _request: Request) -> Response:
        if self.is_down:
            return PlainTextResponse("try again later", 503)
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        if asked["client_id"] != CLIENT_ID or asked["response_type"] != "code":
            return PlainTextResponse("unknown client", 400)
        code = uuid4().hex
        self._nonces[code] = asked.get("nonce")
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        code = str(form["code"])
        if code not in self._nonces:
            return JSONResponse({"error": "invalid_grant", "error_description": "shopper@example.com has none"}, 400)
        now = int(time.time())
        token = {
            "iss": self.issuer, "aud": CLIENT_ID, "sub": "user-1", "iat": now, "exp": now + 600,
            "nonce": self._nonces.pop(code),
        } | self.claims  # fmt: skip
        signed = jwt.encode({"alg": "RS256", "kid": "key-1"}, token, _KEY)
        return JSONResponse(
            {"access_token": uuid4().hex, "token_type": "Bearer", "expires_in": 600, "id_token": signed}
        )

    async def _keys(self, _request: Request) -> Response:
        return JSONResponse({"keys": [_KEY.as_dict(private=False)]})

    async def _userinfo(self, _request: Request) -> Response:
        return JSONResponse({"sub": "user-1"} | self.claims)


@contextmanager
def running_identity_provider() -> Iterator[IdentityProvider]:
    port = free_port()
    provider = IdentityProvider(port)
    server = uvicorn.Server(uvicorn.Config(provider.app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the identity provider did not start"
        time.sleep(0.02)
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join(20)
