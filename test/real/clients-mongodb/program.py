"""What a MongoDB driver does with its client-side encryption (pymongocrypt) and a KMIP server: data keys, with the key vault in memory.

usage: program.py delegated|registered HOST PORT CERTIFICATE KEY CA
"""

import socket
import ssl
import sys
import uuid

import bson
from pymongocrypt.options import MongoCryptOptions
from pymongocrypt.synchronous.explicit_encrypter import ExplicitEncrypter
from pymongocrypt.synchronous.state_machine import MongoCryptCallback
from stories import equal, refused, tell_all

DETERMINISTIC = 'AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic'
RANDOM = 'AEAD_AES_256_CBC_HMAC_SHA_512-Random'


class Driver(MongoCryptCallback):
    """The part of a driver: it connects to the KMIP server, and keeps the data keys."""

    def __init__(self, tls):
        self.tls = tls
        self.vault = {}
        self.asked = 0

    def kms_request(self, kms_context):
        self.asked += 1
        host, port = kms_context.endpoint.rsplit(':', 1)
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            with self.tls.wrap_socket(connection, server_hostname=host) as secured:
                secured.sendall(kms_context.message)
                while kms_context.bytes_needed > 0:
                    received = secured.recv(kms_context.bytes_needed)
                    if not received:
                        raise OSError('the server closed the connection')
                    kms_context.feed(received)

    def fetch_keys(self, filter):
        conditions = bson.decode(filter).get('$or', [{}])
        for key in list(self.vault.values()):
            if any(matches(bson.decode(key), condition) for condition in conditions):
                yield key

    def insert_data_key(self, data_key):
        document = bson.decode(data_key)
        self.vault[bytes(document['_id'])] = bytes(data_key)
        return bytes(document['_id'])

    def bson_encode(self, doc):
        return bson.encode(doc)

    def collection_info(self, database, filter):
        raise NotImplementedError

    def mark_command(self, database, cmd):
        raise NotImplementedError

    def close(self):
        pass


def matches(document, condition):
    for field, test in condition.items():
        value = document.get(field, [])
        values = value if isinstance(value, list) else [value]
        if not any(one in values for one in test['$in']):
            return False
    return True


class Work:
    def __init__(self, endpoint, tls, master_key):
        self.driver = Driver(tls)
        self.endpoint = endpoint
        self.master_key = master_key
        self.encrypter = self.open()
        self.data_key = None
        self.sealed = None

    def open(self):
        """As a program that starts: no key is in a cache."""
        return ExplicitEncrypter(self.driver, MongoCryptOptions({'kmip': {'endpoint': self.endpoint}}))

    def master(self, key):
        return bson.decode(self.driver.vault[key])['masterKey']

    def seal(self, value, algorithm=RANDOM, **key):
        return self.encrypter.encrypt(bson.encode({'v': value}), algorithm, **key)

    def unseal(self, sealed):
        return bson.decode(self.encrypter.decrypt(sealed))['v']

    def creates(self):
        self.data_key = self.encrypter.create_data_key('kmip', master_key=self.master_key, key_alt_names=['patients'])
        master = self.master(self.data_key)
        equal(master['provider'], 'kmip')
        equal(master.get('delegated', False), self.master_key.get('delegated', False))
        equal(bool(master['keyId']), True)

    def encrypts(self):
        before = self.driver.asked
        self.sealed = self.seal('a value', key_id=self.data_key)
        equal(self.driver.asked > before, True)
        equal(b'a value' in self.sealed, False)
        equal(self.unseal(self.sealed), 'a value')

    def restarts(self):
        self.encrypter = self.open()
        equal(self.unseal(self.sealed), 'a value')

    def finds_by_name(self):
        one = self.seal(42, DETERMINISTIC, key_alt_name='patients')
        equal(one, self.seal(42, DETERMINISTIC, key_alt_name='patients'))
        equal(self.unseal(one), 42)

    def shares_the_master_key(self):
        again = dict(self.master_key, keyId=self.master(self.data_key)['keyId'])
        second = self.encrypter.create_data_key('kmip', master_key=again)
        equal(self.master(second)['keyId'], again['keyId'])
        equal(self.unseal(self.seal('second', key_id=second)), 'second')

    def rewraps(self):
        old = self.master(self.data_key)['keyId']
        result = self.encrypter.rewrap_many_data_key({}, 'kmip', dict(self.master_key))
        fresh = bson.decode(result)['v']
        equal(len(fresh), len(self.driver.vault))
        for document in fresh:
            kept = bson.decode(self.driver.vault[bytes(document['_id'])])
            self.driver.insert_data_key(bson.encode(dict(kept, **document)))
        equal(self.master(self.data_key)['keyId'] != old, True)
        self.restarts()

    def refuses_another_master_key(self):
        other = dict(self.master_key, keyId=str(uuid.uuid4()))
        refused(self.encrypter.create_data_key, 'kmip', master_key=other)
        equal(self.unseal(self.sealed), 'a value')


def main():
    kind, host, port, certificate, key, authority = sys.argv[1:]
    tls = ssl.create_default_context(cafile=authority)
    tls.load_cert_chain(certificate, key)
    master_key = {'delegated': True} if kind == 'delegated' else {}
    work = Work('%s:%s' % (host, port), tls, master_key)
    tell_all([('%s: %s' % (kind, name), tell) for name, tell in [
        ('a data key is made under a new master key', work.creates),
        ('it encrypts and decrypts', work.encrypts),
        ('a program that starts again decrypts', work.restarts),
        ('a data key is found by its alternate name', work.finds_by_name),
        ('a second data key has the same master key', work.shares_the_master_key),
        ('data keys change to a new master key', work.rewraps),
        ('a master key that is not there is refused', work.refuses_another_master_key),
    ]])


main()
