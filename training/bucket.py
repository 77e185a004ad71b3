"""The models bucket, as a training needs it: whole files, small JSON objects, and conditional writes of those."""

import json
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

# 64 MiB a part: up to 640 GB a file in the 10,000 parts that S3 takes.
TRANSFER = TransferConfig(multipart_chunksize=64 << 20, max_concurrency=16)


class ObjectChanged(Exception):
    """A conditional write found another object than it was based on."""


class Bucket:
    def __init__(self, name: str, client=None):
        """Region, credentials and, for an emulator, AWS_ENDPOINT_URL_S3 come from the environment."""
        self.name = name
        self.client = client or boto3.client("s3", config=Config(retries={"mode": "standard", "max_attempts": 10}))

    def get_json(self, key):
        """-> (value, etag), or (None, None) where there is no object."""
        try:
            answer = self.client.get_object(Bucket=self.name, Key=key)
        except self.client.exceptions.NoSuchKey:
            return None, None
        return json.loads(answer["Body"].read()), answer["ETag"]

    def put_json(self, key, value, **condition):
        """condition: IfMatch=etag or IfNoneMatch="*". -> the new etag. Raises ObjectChanged."""
        body = json.dumps(value).encode()
        try:
            answer = self.client.put_object(
                Bucket=self.name, Key=key, Body=body, ContentType="application/json", **condition
            )
        except ClientError as error:
            # 409: another conditional write was under way at the same moment.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                raise ObjectChanged(key) from error
            raise
        return answer["ETag"]

    def list(self, prefix):
        """-> {key: size} of every object under the prefix."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}

    def upload(self, path, key):
        self.client.upload_file(str(path), self.name, key, Config=TRANSFER)

    def download(self, key, path: Path):
        """The file is complete or absent."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.partial")
        self.client.download_file(self.name, key, str(partial), Config=TRANSFER)
        partial.rename(path)

    def delete(self, keys):
        keys = list(keys)
        for start in range(0, len(keys), 1000):
            batch = [{"Key": key} for key in keys[start : start + 1000]]
            self.client.delete_objects(Bucket=self.name, Delete={"Objects": batch, "Quiet": True})
