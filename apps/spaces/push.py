"""Create a Space where there is none, and push a folder to it, as the person who is logged in on this machine."""

import os
import re

from core.errors import BadInput, StudioError, Unavailable


def push(folder, repo, sdk, say=print):
    """folder: what `export` wrote; repo: user/name -> the Space's address. Raises StudioError with what to do."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        raise BadInput(f"{repo!r} is not the name of a Space. Please write user/name.")
    from huggingface_hub import HfApi, constants, get_token
    from huggingface_hub.errors import HfHubHTTPError

    endpoint = os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    if not get_token():
        raise BadInput("You are not logged in to the hub. Please run: hf auth login (or set HF_TOKEN), then export again.")
    api = HfApi(endpoint=endpoint, token=get_token())
    try:
        say(f"Pushing as {api.whoami()['name']} ...")
        _create(api, repo, sdk)
        done = api.upload_folder(repo_id=repo, repo_type="space", folder_path=folder, commit_message="Export from Vitrine", ignore_patterns=[".git"],
                                 delete_patterns=["apps/**", "core/**", "assets/**"])  # fmt: skip
    except HfHubHTTPError as error:
        raise StudioError(_refused(repo, error.response.status_code)) from None
    except Exception as error:  # of whatever HTTP library the hub's client uses
        raise Unavailable(f"The hub cannot be reached ({type(error).__name__}). The folder is whole; please push it later.") from None
    return getattr(done, "repo_url", None) or f"{endpoint}/spaces/{repo}"


def _create(api, repo, sdk):
    """Make the Space unless it is there. `exist_ok` would ask the hub once more after a refusal, and hide what the refusal was."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        api.create_repo(repo, repo_type="space", space_sdk=sdk)
    except HfHubHTTPError as error:
        if error.response.status_code != 409:
            raise


def _refused(repo, status):
    if status == 401:
        return "The hub does not know your token any more. Please run: hf auth login"
    if status in (402, 403):
        return f"The hub does not let you write to {repo}: your token may only read, the Space is another's, or your plan has no such Spaces."
    return f"The hub refused the Space {repo} ({status}). Please check its name, and try again."
