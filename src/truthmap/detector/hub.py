"""Detectors on the Hugging Face hub: pushed with a card, fetched at one commit, and trusted no more than any folder.

What is fetched is three files of bounded size, named here and not there; `load_artifact` then checks all that is in
them, as of a folder that somebody sent.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from truthmap.detector.artifact import CONFIG, FILES, MAX_BYTES, Artifact, save_artifact
from truthmap.detector.card import CARD, model_card
from truthmap.errors import RunFolderError, StorageError, TruthmapError, UsageError
from truthmap.files import AnyPath, is_path, read_regular, write_bytes, write_text
from truthmap.storage import cache_folder

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_ADDRESS = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})(@(?P<revision>[\w./-]{1,200}))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_OWN = {*FILES, CARD, ".gitattributes"}
_FORMAT = "truthmap detector "


@dataclass(frozen=True)
class HubAddress:
    """A detector on the hub: `owner/name`, or `owner/name@revision`.

    Attributes:
        repo: The repository.
        revision: A branch, a tag or a commit; `None`: the usual branch.
    """

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.repo if self.revision is None else f"{self.repo}@{self.revision}"


def hub_address(address: str) -> HubAddress | None:
    """Return the detector of the hub that is meant; `None`: a path, or the folder that is there under that name.

    >>> hub_address("owner/name@v1")
    HubAddress(repo='owner/name', revision='v1')
    """
    found = _ADDRESS.fullmatch(address)
    if found is None or is_path(address) or Path(address).exists():
        return None
    return HubAddress(found["repo"], found["revision"])


def detector_at(address: AnyPath | str, api: HfApi | None = None) -> AnyPath:
    """Return the folder of a detector; one of the hub is fetched.

    Raises:
        RunFolderError, StorageError: as `fetch_detector` says.
    """
    if not isinstance(address, str):
        return address
    hub = hub_address(address)
    return Path(address) if hub is None else fetch_detector(hub, api)


def fetch_detector(address: HubAddress, api: HfApi | None = None) -> Path:
    """Fetch a detector into the user's cache, in a folder of its commit; what is there already is not fetched again.

    Args:
        address: Which; where the revision is a whole commit that was fetched before, the hub is not asked.
        api: The hub; by default the one that huggingface_hub is set to (`HF_ENDPOINT`, `HF_TOKEN`).

    Raises:
        RunFolderError: the hub has no such detector.
        StorageError: the hub cannot be reached, or a file is larger than a detector's can be.
    """
    place = cache_folder().absolute() / "detectors" / quote(address.repo, safe="")
    known = address.revision or ""
    if _COMMIT.fullmatch(known) and (place / known / CONFIG).exists():
        return place / known
    with _faults_of_the_hub(address, f"there is no folder {address}, and "):
        from huggingface_hub import HfApi

        api = api or HfApi()
        commit = api.model_info(address.repo, revision=address.revision).sha or ""
        if not _COMMIT.fullmatch(commit):
            raise StorageError(f"the hub names no commit of {address}: got {commit[:60]!r}")
        if not (place / commit / CONFIG).exists():
            _fetch(api, address, commit, place / commit)
    return place / commit


def _fetch(api: HfApi, address: HubAddress, commit: str, folder: Path) -> None:
    from huggingface_hub import hf_hub_url

    with tempfile.TemporaryDirectory(prefix="truthmap-") as scratch:
        for name in (*(each for each in FILES if each != CONFIG), CONFIG):  # where the config is, all of it is
            url = hf_hub_url(address.repo, name, revision=commit, endpoint=api.endpoint)
            size = api.get_hf_file_metadata(url=url).size
            if size is None or size > MAX_BYTES[name]:
                raise StorageError(f"{name} of {address} has {size} bytes; a detector's has at most {MAX_BYTES[name]}")
            path = api.hf_hub_download(address.repo, name, revision=commit, local_dir=scratch)
            write_bytes(folder / name, read_regular(Path(str(path)), MAX_BYTES[name]))


def require_repository(repo: str) -> str:
    """Return the name of a repository of the hub, `owner/name`.

    Raises:
        UsageError: it is none.
    """
    if _ADDRESS.fullmatch(repo) is None or "@" in repo:
        raise UsageError(f"{repo!r} names no repository of the hub: expected owner/name")
    return repo


def push_detector(
    artifact: Artifact, repo: str, *, private: bool | None = None, revision: str | None = None, api: HfApi | None = None
) -> str:
    """Push a detector to the hub, with a card that says what it reads, what it guarantees and where that ends.

    The training questions go with it, where they were sealed (`--no-records` leaves them out).

    Args:
        artifact: The detector.
        repo: `owner/name`; made if it is not there.
        private: Whether a new one can be seen by its owners alone; by default as the owner's settings have it.
        revision: The branch; by default the usual one.
        api: The hub; by default the one that huggingface_hub is set to (`HF_ENDPOINT`, `HF_TOKEN`).

    Returns:
        `owner/name@commit`, which `load_detector` reads.

    Raises:
        UsageError: it is no name of a repository.
        RunFolderError: the repository holds something that is no detector.
        StorageError: the hub cannot be reached, or refuses.
    """
    address = HubAddress(require_repository(repo), revision)
    with _faults_of_the_hub(address), tempfile.TemporaryDirectory(prefix="truthmap-") as scratch:
        from huggingface_hub import HfApi

        api, folder = api or HfApi(), Path(scratch)
        api.create_repo(repo, private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(repo, branch=revision, exist_ok=True)
        _refuse_others(api, address)
        sealed = save_artifact(artifact, folder)
        write_text(folder / CARD, model_card(sealed.config, repo))
        done = api.upload_folder(
            repo_id=repo, folder_path=folder, revision=revision, commit_message="Push a detector of truthmap"
        )
    return f"{repo}@{done.oid}"


def _refuse_others(api: HfApi, address: HubAddress) -> None:
    """See that nothing is written over that is no detector: a model has a config.json as well."""
    there = set(api.list_repo_files(address.repo, revision=address.revision))
    is_other = bool(there - _OWN) or (CONFIG in there and not _is_detector(api, address))
    if is_other:
        raise RunFolderError(f"{address} on the hub holds something that is no detector; choose a new name")


def _is_detector(api: HfApi, address: HubAddress) -> bool:
    with tempfile.TemporaryDirectory(prefix="truthmap-") as scratch:
        path = api.hf_hub_download(address.repo, CONFIG, revision=address.revision, local_dir=scratch)
        try:
            found = json.loads(read_regular(Path(str(path)), MAX_BYTES[CONFIG]))
        except (ValueError, RecursionError):
            return False
    return isinstance(found, dict) and str(found.get("format")).startswith(_FORMAT)


@contextmanager
def _faults_of_the_hub(address: HubAddress, before: str = "") -> Iterator[None]:
    """Say in one line what the hub refused, behind what stands `before` it, and what can be done.

    Raises:
        RunFolderError: it has no such repository, revision or file.
        StorageError: it cannot be reached, or refuses.
    """
    from huggingface_hub import errors

    missing = (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError)
    try:
        yield
    except TruthmapError:
        raise
    except errors.LocalEntryNotFoundError as error:
        raise StorageError(f"{before}the hub cannot be reached for {address}: {_reason(error)}") from error
    except missing as error:
        raise RunFolderError(
            f"there is no folder {address}, and the hub has no detector of that name, or none that you may read "
            "(HF_TOKEN); name a folder, or owner/name@revision"
        ) from error
    except Exception as error:  # the hub's library raises those of the HTTP client that it has today
        raise StorageError(f"{before}the hub cannot be reached for {address}, or refuses: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
