"""A gateway in miniature: its keys, its admin API, its restarts and its broken connections."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

ADMIN_KEY = "ak_" + "5" * 32
Answer = tuple[int, dict[str, Any]]


@dataclass
class Gateway:
    """Keys survive a restart, as with a state file. `broken` says how the next POST breaks:
    "before" = dropped unread, "after" = carried out but never answered."""

    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    may_export: bool = True
    page: int = 1_000
    server: ThreadingHTTPServer | None = None
    port: int = 0

    def start(self) -> None:
        """Listen, on the same port as before."""
        handler = type("Handler", (_Handler,), {"gateway": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def url(self) -> str:
        """Its address, below a path."""
        return f"http://127.0.0.1:{self.port}/gw"

    def add(self, secret: str, **fields: Any) -> dict[str, Any]:
        """A key."""
        plain = {"credits": 100, "totalSpent": 0, "active": True, "suspended": False}
        self.keys[secret] = {"key": secret, "name": "acme", "tags": {}, **plain, **fields}
        return self.keys[secret]

    def posts(self) -> list[str]:
        """The paths posted to."""
        return [path for path in self.asked if path.startswith("POST ")]

    def export(self, query: dict[str, list[str]]) -> Answer:
        """GET /keys/export."""
        if not self.may_export:
            return 403, {"error": "Insufficient permissions", "requiredRole": "admin"}
        offset = int(query["offset"][0])
        return 200, {"keys": list(self.keys.values())[offset : offset + self.page]}

    def carry_out(self, path: str, body: dict[str, Any]) -> Answer:
        """A POST."""
        if path == "/keys/transfer":
            return self._transfer(body)
        record = self.keys.get(body.get("key", ""))
        if record is None:
            return 404, {"error": "Key not found"}
        answer: Answer = _DO[path](self, record, body)
        return answer

    def _transfer(self, body: dict[str, Any]) -> Answer:
        giver, taker = self.keys[body["from"]], self.keys[body["to"]]
        if giver["credits"] < body["credits"]:
            return 400, {"error": f"Insufficient credits: source has {giver['credits']}"}
        giver["credits"] -= body["credits"]
        taker["credits"] += body["credits"]
        return 200, {"message": f"Transferred {body['credits']} credits", "memo": body["memo"]}

    def suspend(self, record: dict[str, Any], body: dict[str, Any]) -> Answer:
        """With its reason."""
        if record["suspended"]:
            return 400, {"error": "Key is already suspended"}
        record.update(suspended=True, why=body["reason"])
        return 200, {"message": "Key suspended", "suspended": True}

    def resume(self, record: dict[str, Any], _: dict[str, Any]) -> Answer:
        """Of a suspended one."""
        if not record["suspended"]:
            return 400, {"error": "Key is not suspended"}
        record["suspended"] = False
        return 200, {"message": "Key resumed", "suspended": False}

    def revoke(self, record: dict[str, Any], _: dict[str, Any]) -> Answer:
        """For good."""
        record["active"] = False
        return 200, {"message": "Key revoked", "revoked": True}

    def topup(self, record: dict[str, Any], body: dict[str, Any]) -> Answer:
        """Of an active one."""
        if not record["active"]:
            return 404, {"error": "Key not found or inactive"}
        record["credits"] += body["credits"]
        return 200, {"credits": record["credits"], "message": f"Added {body['credits']} credits"}

    def rotate(self, record: dict[str, Any], _: dict[str, Any]) -> Answer:
        """An inactive twin stays."""
        if not record["active"]:
            return 404, {"error": "Key not found or inactive"}
        fresh = "pg_" + f"{len(self.keys):048x}"
        self.keys[fresh] = {**record, "key": fresh}
        record["active"] = False
        return 200, {"message": "Key rotated", "newKey": fresh, "name": record["name"]}

    def expiry(self, record: dict[str, Any], body: dict[str, Any]) -> Answer:
        """Null = never."""
        record["expiresAt"] = body["expiresAt"]
        return 200, {"expiresAt": body["expiresAt"], "message": "Expiry set"}

    def tags(self, record: dict[str, Any], body: dict[str, Any]) -> Answer:
        """Null removes."""
        merged = {**record["tags"], **body["tags"]}
        record["tags"] = {name: value for name, value in merged.items() if value is not None}
        return 200, {"tags": record["tags"], "message": "Tags updated"}

    def assign(self, record: dict[str, Any], body: dict[str, Any]) -> Answer:
        """To a group."""
        record["group"] = body["groupId"]
        return 200, {"message": "Key assigned"}

    def remove(self, record: dict[str, Any], _: dict[str, Any]) -> Answer:
        """From its group."""
        record.pop("group", None)
        return 200, {"message": "Key removed"}


_DO: dict[str, Any] = {
    "/keys/suspend": Gateway.suspend,
    "/keys/resume": Gateway.resume,
    "/keys/revoke": Gateway.revoke,
    "/topup": Gateway.topup,
    "/keys/rotate": Gateway.rotate,
    "/keys/expiry": Gateway.expiry,
    "/keys/tags": Gateway.tags,
    "/groups/assign": Gateway.assign,
    "/groups/remove": Gateway.remove,
}


class _Handler(BaseHTTPRequestHandler):
    """Requests below /gw, with the admin key."""

    gateway: ClassVar[Gateway]

    def do_GET(self) -> None:
        """Only the export."""
        url = urlsplit(self.path)
        self._note("GET", url.path)
        self._answer(*(self._refused() or self.gateway.export(parse_qs(url.query))))

    def do_POST(self) -> None:
        """Read, perhaps break, carry out, perhaps break."""
        self._note("POST", self.path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        how = self.gateway.broken.pop(0) if self.gateway.broken else ""
        if how == "before":
            return
        if self.gateway.answers:
            self._answer(self.gateway.answers.pop(0), {"error": "not now"})
            return
        answer = self._refused() or self.gateway.carry_out(self.path.removeprefix("/gw"), body)
        if how != "after":
            self._answer(*answer)

    def _note(self, method: str, path: str) -> None:
        self.gateway.asked.append(f"{method} {path.removeprefix('/gw')}")

    def _refused(self) -> Answer | None:
        is_admin = self.headers["X-Admin-Key"] == ADMIN_KEY
        return None if is_admin else (401, {"error": "Invalid admin key"})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        said = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: Any) -> None:
        """Quietly."""
