"""A real object store for tests (moto, in a process of its own) and the words with which a server uses it."""

import json
import pathlib
import subprocess

from harness import CHECKOUT, Program, environment

PYTHON = CHECKOUT / "build" / "tools" / "s3" / "bin" / "python3"
SERVER = pathlib.Path(__file__).with_name("object_store_server.py")
BUCKET = "sluice-test"


def has_moto():
    try:
        return subprocess.run([PYTHON, "-c", "import moto.server"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


class ObjectStore(Program):
    """Has the bucket, checks signatures, and can be out of reach for a while."""

    def __init__(self, root):
        super().__init__(root, "object-store")
        with open(self.log_file, "a") as log:
            self.process = subprocess.Popen([str(PYTHON), str(SERVER)], env=environment(root), stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        line = self.process.stdout.readline()
        assert line, f"the object store did not start:\n{self.log[-2000:]}"
        about = json.loads(line)
        self.url = f"http://127.0.0.1:{about['port']}"
        self.key_id, self.secret = about["key_id"], about["secret"]
        self.credentials = self.root / "s3-credentials"
        self.write_credentials(self.secret)

    def write_credentials(self, secret):
        self.credentials.touch(0o600)
        self.credentials.write_text(f"[default]\naws_access_key_id = {self.key_id}\naws_secret_access_key = {secret}\n")

    def ask(self, question):
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def digests(self):
        """Of the blobs that it has."""
        return {key.rpartition("/")[2] for key in self.ask("keys")}

    def options(self, place=f"s3://{BUCKET}/ci"):
        return ["--blobs", place, "--s3-endpoint", self.url, "--s3-credentials", self.credentials]

    def stop(self):
        self.process.stdin.close()
        return self.wait_end()
