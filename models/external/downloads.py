"""Files of weights from the network, each fetched once: from the hub's cache or torch's where they are there."""

import re
from pathlib import Path
from urllib.parse import urlparse

import huggingface_hub
import torch
from huggingface_hub import constants
from huggingface_hub.errors import RemoteEntryNotFoundError

_TIMEOUT_S = 10
"""Of asking whether the hub is there; where nothing answers, as behind a firewall that drops packets."""


def from_hub(repository: str, files: tuple[str, ...]) -> Path:
    """The first of the files that a repository, `owner/name` or `owner/name@revision`, has."""
    name, _, revision = repository.partition("@")
    for file in files:
        found = huggingface_hub.try_to_load_from_cache(name, file, revision=revision or None)
        if isinstance(found, str):
            return Path(found)
    # says at once what the client says after a minute's retries
    huggingface_hub.get_session().head(constants.ENDPOINT, timeout=_TIMEOUT_S)
    for file in files[:-1]:
        try:
            return Path(huggingface_hub.hf_hub_download(name, file, revision=revision or None))
        except RemoteEntryNotFoundError:
            continue
    return Path(huggingface_hub.hf_hub_download(name, files[-1], revision=revision or None))


def from_address(url: str) -> Path:
    """The file at an address, checked against the hash in its name, if there is one."""
    file = Path(urlparse(url).path).name
    path = Path(torch.hub.get_dir()) / "checkpoints" / file
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        sha256 = re.search(r"-([a-f0-9]{8,})\.", file)
        torch.hub.download_url_to_file(url, str(path), sha256[1] if sha256 else None, progress=False)
    return path
