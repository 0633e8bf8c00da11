"""Download files of weights; the caches of the hub and of torch keep them."""

import re
from pathlib import Path
from urllib.parse import urlparse

import huggingface_hub
import torch
from huggingface_hub import constants
from huggingface_hub.errors import RemoteEntryNotFoundError

_TIMEOUT_S = 10
"""The longest wait for the hub's first response, in seconds; behind some firewalls none ever comes."""


def from_hub(repository: str, files: tuple[str, ...]) -> Path:
    """Return the first of the files that exists in a repository, `owner/name` or `owner/name@revision`."""
    name, _, revision = repository.partition("@")
    for file in files:
        path = huggingface_hub.try_to_load_from_cache(name, file, revision=revision or None)
        if isinstance(path, str):
            return Path(path)
    # Fails at once if there is no network; the client itself would retry for a minute.
    huggingface_hub.get_session().head(constants.ENDPOINT, timeout=_TIMEOUT_S)
    for file in files[:-1]:
        try:
            return Path(huggingface_hub.hf_hub_download(name, file, revision=revision or None))
        except RemoteEntryNotFoundError:
            continue
    return Path(huggingface_hub.hf_hub_download(name, files[-1], revision=revision or None))


def from_address(url: str) -> Path:
    """Return the file at an address, checked against the hash in its name, if there is one."""
    file = Path(urlparse(url).path).name
    path = Path(torch.hub.get_dir()) / "checkpoints" / file
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        sha256 = re.search(r"-([a-f0-9]{8,})\.", file)
        torch.hub.download_url_to_file(url, str(path), sha256[1] if sha256 else None, progress=False)
    return path
