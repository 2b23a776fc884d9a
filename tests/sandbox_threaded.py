"""A library that starts a thread when it is imported; run inside the sandbox by its tests."""

import os
import threading
import time
from typing import Any

threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def parent() -> dict[str, Any]:
    return {"parent": os.getppid()}
