import os
import subprocess
import uuid

import pytest
from accelerate.state import AcceleratorState

from training.bucket import Bucket
from training.tests.batch_home import BatchHome, answers, free_port, until

MINISTACK = os.environ.get("MV2ID_MINISTACK")


@pytest.fixture(autouse=True)
def a_process_of_its_own_for_accelerate():
    """accelerate keeps the precision of a process's first training; here every test is a program of its own."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="session")
def emulated_s3(tmp_path_factory):
    """Environment of a process that is to speak to an emulator of S3 in place of AWS: ministack where MV2ID_MINISTACK is the path
    of its executable, else moto."""
    if MINISTACK:
        port, folder = free_port(), tmp_path_factory.mktemp("ministack")
        settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "MINISTACK_HOST": "127.0.0.1",
                    "MINISTACK_REGION": "us-east-1", "TMPDIR": str(folder), "LOG_LEVEL": "WARNING"}  # fmt: skip
        server = subprocess.Popen([MINISTACK], env={**os.environ, **settings}, stdout=subprocess.DEVNULL)
        until(lambda: answers(f"http://127.0.0.1:{port}/_ministack/health"), "ministack to answer")
        stop = lambda: (server.kill(), server.wait())  # noqa: E731
    else:
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        server.start()
        _, port = server.get_host_and_port()
        stop = server.stop
    yield {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    stop()


@pytest.fixture
def bucket(emulated_s3, monkeypatch):
    """A new, empty bucket."""
    for name, value in emulated_s3.items():
        monkeypatch.setenv(name, value)
    bucket = Bucket(f"models-{uuid.uuid4()}")
    bucket.client.create_bucket(Bucket=bucket.name)
    return bucket


@pytest.fixture
def home(bucket, tmp_path):
    home = BatchHome(bucket, tmp_path)
    yield home
    home.close()
