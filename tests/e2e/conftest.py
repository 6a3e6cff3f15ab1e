import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from fixtures import *  # noqa: E402,F401,F403 (pytest finds fixtures and hooks by name)
from kube import cluster  # noqa: E402,F401 (one a session: a host has one)
