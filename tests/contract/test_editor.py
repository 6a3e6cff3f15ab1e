"""What Visual Studio Code's YAML extension makes of `sluice schema`: its engine, yaml-language-server, with real files."""

import json
import os
import pathlib
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/dev/bin"))
EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/.ci.yml"))
PATIENCE = 60  # seconds for one answer; it only ends a test that would hang


class Editor:
    """The client's half of the Language Server Protocol, as far as one open file needs it (LSP 3.17, base protocol)."""

    def __init__(self, schema):
        self.process = subprocess.Popen(["yaml-language-server", "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.watchdog = threading.Timer(PATIENCE, self.process.kill)
        self.watchdog.start()
        self.settings = {"yaml": {"schemas": {schema.as_uri(): ["**/.ci.yml"]}, "validate": True, "hover": True,
                                  "completion": True, "schemaStore": {"enable": False}, "yamlVersion": "1.2"}}
        self.last = 0
        self.ask("initialize", processId=os.getpid(), rootUri=None, capabilities={
            "workspace": {"configuration": True},
            "textDocument": {"publishDiagnostics": {}, "completion": {"completionItem": {"snippetSupport": True}},
                             "hover": {}}})
        self.tell("initialized")
        self.tell("workspace/didChangeConfiguration", settings=self.settings)

    def close(self):
        self.watchdog.cancel()
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def tell(self, method, **params):
        self.send(method=method, params=params)

    def ask(self, method, **params):
        self.last += 1
        self.send(id=self.last, method=method, params=params)
        return self.receive(lambda message: message.get("id") == self.last and "method" not in message)["result"]

    def receive(self, wanted):
        while True:
            length = 0
            while line := self.process.stdout.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            assert length, "yaml-language-server ended or did not answer"
            message = json.loads(self.process.stdout.read(length))
            if message.get("method") == "workspace/configuration":
                sections = [self.settings.get(item.get("section", ""), None) for item in message["params"]["items"]]
                self.send(id=message["id"], result=sections)
            elif "method" in message and "id" in message:
                self.send(id=message["id"], result=None)
            if wanted(message):
                return message

    def opens(self, text, path="/project/.ci.yml"):
        """The complaints about this text: (line from 1, message)."""
        self.uri = "file://" + path
        self.tell("textDocument/didOpen", textDocument={"uri": self.uri, "languageId": "yaml", "version": 1, "text": text})
        told = self.receive(lambda message: message.get("method") == "textDocument/publishDiagnostics"
                            and message["params"]["uri"] == self.uri)
        return [(item["range"]["start"]["line"] + 1, item["message"]) for item in told["params"]["diagnostics"]]

    def at(self, method, line, character):
        return self.ask(method, textDocument={"uri": self.uri}, position={"line": line - 1, "character": character})


@pytest.fixture
def editor(needs, tmp_path):
    needs("yaml-language-server")
    schema = tmp_path / "schema.json"
    schema.write_bytes(subprocess.run([BIN / "sluice", "schema"], check=True, capture_output=True, timeout=60).stdout)
    editor = Editor(schema)
    yield editor
    editor.close()


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_has_no_complaint(editor, example):
    assert editor.opens((ROOT / "examples" / example / ".ci.yml").read_text()) == []


def test_mistakes_are_marked_where_they_stand(editor):
    told = editor.opens("version: 1\non: {push: {}}\njobs:\n  unit:\n    needs: 7\n    step: [a]\n    steps: [{run: ls}]\n")
    assert sorted(line for line, _ in told) == [5, 6], told
    assert any("step" in message for line, message in told if line == 6), told


def test_keys_of_a_job_are_completed_with_their_help(editor):
    editor.opens("version: 1\non: {push: {}}\njobs:\n  unit:\n    steps:\n      - run: ls\n    \n")
    answer = editor.at("textDocument/completion", 7, 4)
    items = {item["label"]: item for item in (answer["items"] if isinstance(answer, dict) else answer)}
    assert {"needs", "matrix", "timeout", "retry"} <= set(items), sorted(items)
    assert items["timeout"].get("documentation"), items["timeout"]


def test_values_that_are_one_of_some_are_completed(editor):
    editor.opens("version: 1\non: {push: {}}\njobs:\n  unit:\n    kind: \n    steps:\n      - run: ls\n")
    answer = editor.at("textDocument/completion", 5, 10)
    labels = {item["label"] for item in (answer["items"] if isinstance(answer, dict) else answer)}
    assert {"script", "lint", "test", "image", "deploy", "train", "evaluate"} <= labels, labels


def test_a_key_under_the_pointer_explains_itself(editor):
    editor.opens("version: 1\non: {push: {}}\njobs:\n  unit:\n    timeout: 5m\n    steps:\n      - run: ls\n")
    text = json.dumps(editor.at("textDocument/hover", 5, 6))
    assert "timeout" in text and len(text) > 60, text
