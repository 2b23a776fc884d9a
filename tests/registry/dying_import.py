"""A process that takes in an agency's upload and is killed before one of its photos is sealed.

`dying_import ORGANIZATION KEY DIRECTORY PHOTO`: dies by SIGKILL at the photo of that number.
"""

import itertools
import os
import signal
import sys
from pathlib import Path

import app.models  # noqa: F401  every table
from app.identity.principal import Principal
from app.registry.imports import sending, service

organization_id, key_id, directory, dies_at = sys.argv[1:]
plain, numbers = service.take_photo, itertools.count(1)


def take_photo(*args, **kwargs):
    said = plain(*args, **kwargs)
    if next(numbers) == int(dies_at):
        os.kill(os.getpid(), signal.SIGKILL)  # sealed, and not committed
    return said


service.take_photo = take_photo
with (Path(directory) / "photos").open("rb") as packed:
    sending.take(
        (Path(directory) / "table").read_bytes(),
        [("photos.zip", packed)],
        by=Principal(organization_id, "agency", key_id),
    )
