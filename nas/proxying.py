"""`nas study proxy`: Optuna's gRPC server in front of a study's database, for any number of clients of Optuna.

Searches do not need it: workers never meet the database, and drivers, which do, rely on its transactions, which
Optuna's storages do not offer. It is for programs that read or follow a study, thousands of them, by one connection.
"""

from __future__ import annotations

import os
import socket
import sys
import warnings
from typing import Any

import optuna
import sqlalchemy
from rich.console import Console

from nas import content
from nas import study as studies
from nas.console import say
from nas.errors import NasError
from nas.storage import address as addresses
from nas.storage import pointer
from nas.study import Study

LOCAL = ("localhost", "127.0.0.1", "::1")


def serve(target: str, host: str, port: int, *, console: Console) -> None:
    """Answer until Ctrl-C; raises NasError where the study is not there, or the port is taken."""
    study = studies.open_study(content.study_folder(target))
    try:
        from optuna.storages import run_grpc_proxy_server
    except ImportError:
        fix = "pip install 'video-nas[grpc]'"
        raise NasError("Optuna's proxy needs gRPC", where="nas study proxy", fix=fix) from None
    _check_free(host, port)
    call = f"optuna.storages.GrpcStorageProxy(host='{host}', port={port})"
    url, name, more = _database(study)
    others = ", and all others of that database" if study.shared else ""
    say(console, f"{study.folder}: {call} has its Optuna study '{name}'{others}, until Ctrl-C")
    if host not in LOCAL:
        say(console, "whoever reaches this port can read and change what it serves: it asks for no password")
    try:
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = optuna.storages.RDBStorage(url, engine_kwargs=more)
        run_grpc_proxy_server(optuna.storages.get_storage(storage), host=host, port=port)
    except KeyboardInterrupt:
        say(console, "ended")
        sys.stdout.flush()
        os._exit(0)  # threads of gRPC's that wait for clients would keep the program


def _check_free(host: str, port: int) -> None:
    """Raise NasError where another program listens: gRPC would share the port with it, and clients meet either."""
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        told = (error.strerror or str(error)).lower()
        raise NasError(f"cannot listen there ({told})", where=f"{host}:{port}", fix="give another --port") from None


def _database(study: Study) -> tuple[str, str, dict[str, Any]]:
    """The URL, the study's name there, and what opens it: a password is not in the URL, which errors may show."""
    told = pointer.read(study.folder)
    if told is None:
        url = sqlalchemy.URL.create("sqlite", database=str(study.folder / studies.DATABASE))
        return url.render_as_string(), study.name, {}
    address = addresses.parse(told[0])
    more = {"connect_args": {"password": address.password}} if address.password else {}
    return address.url.render_as_string(), told[1], more
