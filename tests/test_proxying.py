"""`nas study proxy`: Optuna's clients see the study that is in a file or a database."""

import signal
import socket
import subprocess
import sys

import optuna
import pytest
from optuna.storages import GrpcStorageProxy

from nas.console import console
from nas.errors import NasError
from nas.proxying import serve
from tests.cluster.clusters import _free_port as free_port
from tests.searched import searched


@pytest.fixture
def opened(tmp_path):
    return searched(tmp_path, 5)


def test_clients_of_optuna_read_the_study(opened):
    port = free_port()
    command = [sys.executable, "-m", "nas", "study", "proxy", str(opened.folder), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said = server.stdout.readline()
        assert f"GrpcStorageProxy(host='localhost', port={port}) has its Optuna study 's'" in said
        client = GrpcStorageProxy(host="localhost", port=port)
        client.wait_server_ready(timeout=60)
        seen = optuna.load_study(study_name="s", storage=client).trials
        assert [trial.values[0] for trial in seen] == [trial.accuracy for trial in opened.trials()]
        client.close()
        server.send_signal(signal.SIGINT)
        rest, _ = server.communicate(timeout=30)
        assert (server.returncode, rest) == (0, "ended\n")
    finally:
        server.kill()


def test_a_port_that_is_taken_is_a_line(opened):
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NasError, match=f"^localhost:{port}: cannot listen there .*; give another --port$"):
            serve(str(opened.folder), "localhost", port, console=console)
