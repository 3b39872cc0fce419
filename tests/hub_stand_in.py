"""The Hugging Face hub's HTTP API as far as models and data sets are pushed and read, on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Files = dict[str, bytes]


@dataclass
class Hub:
    """Repositories by kind and name (`models/owner/name`): each commit's files, and where branches and tags stand."""

    url: str = ""
    commits: dict[str, dict[str, Files]] = field(default_factory=dict)
    refs: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    claims: dict[str, int] = field(default_factory=dict)
    """File → the size that is claimed of it, in place of its own."""

    def put(self, repo: str, files: Files, revision: str = "main") -> str:
        """Commit these files, and no others; return the commit."""
        known = self.commits.setdefault(repo, {})
        told = repr((len(known), sorted((name, content) for name, content in files.items())))
        commit = hashlib.sha1(told.encode()).hexdigest()
        known[commit] = dict(files)
        self.refs.setdefault(repo, {})[revision] = commit
        return commit

    def files(self, repo: str, revision: str = "main") -> Files | None:
        """Return what a revision has; `None`: there is no such."""
        commit = self.refs.get(repo, {}).get(revision, revision)
        return self.commits.get(repo, {}).get(commit)


@contextmanager
def serving() -> Iterator[Hub]:
    """Serve an empty hub."""
    hub = Hub()
    handler = type("Bound", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        self.hub.asked.append(f"{self.command} {'/'.join(parts)}")
        if parts[0] == "api":
            self._about(parts[1:])
        else:
            kind, rest = (parts[0], parts[1:]) if parts[0] == "datasets" else ("models", parts)
            self._resolve(f"{kind}/{rest[0]}/{rest[1]}", rest[3], "/".join(rest[4:]))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")][1:]
        self.hub.asked.append(f"POST {'/'.join(parts)}")
        if parts == ["validate-yaml"]:
            self._json({"errors": [], "warnings": []})
        elif parts == ["repos", "create"]:
            self._create(json.loads(body))
        else:
            repo, what, revision = "/".join(parts[:3]), parts[3], "/".join(parts[4:])
            getattr(self, f"_{what.replace('-', '_')}")(repo, revision, body)

    def _create(self, told: dict[str, Any]) -> None:
        owner, name = told.get("organization") or "owner", told["name"]
        repo = f"{told.get('type', 'model')}s/{owner}/{name}"
        if repo in self.hub.refs:
            self._json({"url": f"{self.hub.url}/{owner}/{name}", "error": "it is there"}, 409)
            return
        self.hub.put(repo, {})
        self._json({"url": f"{self.hub.url}/{owner}/{name}", "id": f"{owner}/{name}"})

    def _branch(self, repo: str, branch: str, _: bytes) -> None:
        refs = self.hub.refs[repo]
        status = 409 if branch in refs else 201
        refs.setdefault(branch, refs["main"])
        self._json({"error": "it is there"} if status == 409 else {}, status)

    def _preupload(self, _repo: str, _revision: str, body: bytes) -> None:
        files = [
            {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
            for each in json.loads(body)["files"]
        ]
        self._json({"files": files})

    def _commit(self, repo: str, revision: str, body: bytes) -> None:
        files = dict(self.hub.files(repo, revision) or {})
        for line in body.splitlines():
            told = json.loads(line)
            if told["key"] == "file":
                files[told["value"]["path"]] = base64.b64decode(told["value"]["content"])
            elif told["key"] == "deletedFile":
                files.pop(told["value"]["path"], None)
        commit = self.hub.put(repo, files, revision)
        name = repo.removeprefix("models/")
        self._json({"success": True, "commitOid": commit, "commitUrl": f"{self.hub.url}/{name}/commit/{commit}"})

    def _paths_info(self, repo: str, revision: str, body: bytes) -> None:
        is_form = "json" not in self.headers.get("Content-Type", "")
        wanted = parse_qs(body.decode()).get("paths", []) if is_form else json.loads(body)["paths"]
        tree = list(_tree(self.hub.files(repo, revision) or {}))
        self._json([each for each in tree if each["path"] in wanted])

    def _about(self, parts: list[str]) -> None:
        repo, what = "/".join(parts[:3]), parts[3] if len(parts) > 3 else "revision"
        revision = parts[4] if len(parts) > 4 else "main"
        files = self.hub.files(repo, revision)
        if files is None:
            self._missing("RevisionNotFound" if repo in self.hub.refs else "RepoNotFound")
        elif what == "revision":
            commit = self.hub.refs[repo].get(revision, revision)
            siblings = [{"rfilename": name} for name in files]
            name = "/".join(parts[1:3])
            self._json({"id": name, "sha": commit, "siblings": siblings, "private": False, "tags": [], "likes": 0})
        elif what == "tree":
            self._list(files, "/".join(parts[5:]))
        else:
            self._missing("EntryNotFound")

    def _list(self, files: Files, folder: str) -> None:
        deep = "recursive=true" in urlsplit(self.path).query.lower()
        under = f"{folder}/" if folder else ""
        inside = [each for each in _tree(files) if each["path"].startswith(under)]
        if folder and not inside:
            self._missing("EntryNotFound")
            return
        self._json([each for each in inside if deep or "/" not in each["path"].removeprefix(under)])

    def _resolve(self, repo: str, revision: str, name: str) -> None:
        files = self.hub.files(repo, revision)
        if files is None or name not in files:
            self._missing("EntryNotFound" if files is not None else "RepoNotFound")
            return
        content, commit = files[name], self.hub.refs[repo].get(revision, revision)
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_digest(content)}"', "Accept-Ranges": "bytes"}
        if name in self.hub.claims:
            headers["X-Linked-Size"] = str(self.hub.claims[name])
        ranged = self.headers.get("Range")
        if ranged and self.command == "GET":
            first, _, last = ranged.removeprefix("bytes=").partition("-")
            end = min(int(last) + 1 if last else len(content), len(content))
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(content)}"
            self._send(content[int(first) : end], headers, 206)
        else:
            self._send(content, headers)

    def _json(self, content: Any, status: int = 200) -> None:
        self._send(json.dumps(content).encode(), {"Content-Type": "application/json"}, status)

    def _missing(self, code: str) -> None:
        self._send(b"{}", {"X-Error-Code": code, "X-Error-Message": code}, 404)

    def _send(self, content: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _tree(files: Files) -> Iterator[dict[str, Any]]:
    folders = {"/".join(name.split("/")[:n]) for name in files for n in range(1, name.count("/") + 1)}
    for folder in sorted(folders):
        yield {"type": "directory", "path": folder, "oid": _digest(folder.encode()), "size": 0}
    for name, content in sorted(files.items()):
        yield {"type": "file", "path": name, "oid": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
