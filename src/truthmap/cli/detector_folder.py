"""Where a detector is that the command line names."""

from __future__ import annotations

from truthmap.files import AnyPath
from truthmap.runs.file_names import DETECTOR_CONFIG
from truthmap.runs.folder import run_folder


def detector_folder(address: str) -> AnyPath:
    """Return the folder of a detector; one at a URL or on the hub is fetched.

    Raises:
        RunFolderError: there is none of that name on the hub.
        StorageError: the URL or the hub cannot be reached.
    """
    from truthmap.detector.hub import fetch_detector, hub_address

    on_hub = hub_address(address)
    if on_hub is not None:
        return fetch_detector(on_hub)
    folder = run_folder(address)
    folder.refresh(DETECTOR_CONFIG)
    return folder.root
