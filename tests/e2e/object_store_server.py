"""An S3-compatible object store (moto) that checks signatures, for tests: run by the Python of build/tools/s3.

Prints {"port", "key_id", "secret"} once it serves, then answers each line of its standard input with a line of JSON:
`keys` of the bucket, `uploads` in parts that are unfinished, `put KEY`; `down` and `up` end and begin to listen, with
what is kept. Ends with its input."""

import json
import sys

import boto3
from botocore.config import Config
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.server import ThreadedMotoServer

BUCKET = "sluice-test"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


class Store:
    def __init__(self):
        self.port = 0
        self.up()
        self.url = f"http://127.0.0.1:{self.port}"
        iam = self.client("iam", "any", "any")
        iam.create_user(UserName="ci")
        key = iam.create_access_key(UserName="ci")["AccessKey"]
        iam.put_user_policy(UserName="ci", PolicyName="all", PolicyDocument=json.dumps(POLICY))
        self.key_id, self.secret = key["AccessKeyId"], key["SecretAccessKey"]
        self.s3 = self.client("s3", self.key_id, self.secret)
        self.s3.create_bucket(Bucket=BUCKET)
        # From now on every request must be signed, and rightly.
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
        ActionAuthenticatorMixin.request_count = 0

    def up(self):
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.server.start()
        self.port = self.server.get_host_and_port()[1]

    def down(self):
        self.server.stop()

    def client(self, service, key_id, secret):
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", aws_access_key_id=key_id,
                            aws_secret_access_key=secret, config=Config(s3={"addressing_style": "path"}))

    def answer(self, line):
        words = line.split()
        if words[0] in ("up", "down"):
            return getattr(self, words[0])()
        if words == ["keys"]:
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
            return sorted(one["Key"] for page in pages for one in page.get("Contents", []))
        if words == ["uploads"]:
            found = self.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
            return {one["Key"]: self.parts(one) for one in found}
        if words[0] == "put":
            return self.s3.put_object(Bucket=BUCKET, Key=words[1], Body=b"left over")["ETag"]
        raise ValueError(line)

    def parts(self, upload):
        parts = self.s3.list_parts(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"]).get("Parts", [])
        return [part["PartNumber"] for part in parts]


def main():
    store = Store()
    print(json.dumps({"port": store.port, "key_id": store.key_id, "secret": store.secret}), flush=True)
    for line in sys.stdin:
        print(json.dumps(store.answer(line)), flush=True)
    store.server.stop()


main()
