# PyKMIP's server as Debian ships it (python3-pykmip), made fit to be measured: /usr/bin/python3 pykmip-server.py FOLDER PORT
#
# FOLDER holds server.pem (certificate and key in one file, since the package gives the one for the other) and ca.pem.
# Repaired here, without which it stalls for 30 s at a time after fifteen requests: each request's database session is
# given back. A file named `stall` in FOLDER, with a number of seconds, makes it stall for so long once, as it does by itself
# without the repair. The log is at ERROR; everything else is as it comes.

import logging
import os
import sys
import time

from kmip.services.server import KmipServer
from kmip.services.server.engine import KmipEngine

folder, port = sys.argv[1], int(sys.argv[2])
original = KmipEngine.process_request


def stall():
    try:
        with open(folder + "/stall") as wanted:
            seconds = float(wanted.read())
        os.remove(folder + "/stall")
    except FileNotFoundError:
        return
    time.sleep(seconds)


def process_request(self, *args, **kwargs):
    with self._lock:
        stall()
        try:
            return original(self, *args, **kwargs)
        finally:
            self._data_session.close()


KmipEngine.process_request = process_request

server = KmipServer(
    hostname="127.0.0.1",
    port=port,
    certificate_path=folder + "/server.pem",
    key_path=folder + "/server.pem",
    ca_path=folder + "/ca.pem",
    auth_suite="TLS1.2",
    config_path=None,
    log_path=folder + "/server.log",
    policy_path=folder,
    enable_tls_client_auth=True,
    database_path=folder + "/pykmip.db",
    logging_level=logging.ERROR,
)
with server:
    print("ready", flush=True)
    server.serve()
