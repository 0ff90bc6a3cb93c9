"""What Barbican does with its KMIP plugin, the secret store of a cloud's keys, certificates and passphrases.

usage: program.py ENCODING HOST PORT CERTIFICATE KEY CA SETTINGS

ENCODING: pkcs8, or pkcs1 for `pkcs1_only`. SETTINGS: JSON, pairs of the place of a setting and its value.
"""

import base64
import datetime
import json
import logging
import os
import sys
import warnings

warnings.simplefilter('ignore')
logging.disable(logging.CRITICAL)

from barbican.plugin import kmip_secret_store  # noqa: E402
from barbican.plugin.interface import secret_store as ss  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: E402
from stories import equal, refused, story_methods, tell_all  # noqa: E402

PEM = serialization.Encoding.PEM


def open_store(encoding, key, settings):
    """Writes barbican.conf with the settings that Mortise prints for Barbican."""
    os.chmod(key, 0o400)  # the plugin refuses a key file with any other mode
    with open('barbican.conf', 'w') as conf:
        conf.write('[kmip_plugin]\n')
        for place, value in settings:
            conf.write('%s = %s\n' % (place.split(': ')[-1], value))
        conf.write('pkcs1_only = %s\n' % (encoding == 'pkcs1'))
    kmip_secret_store.CONF([], project='barbican', default_config_files=['barbican.conf'])
    return kmip_secret_store.KMIPSecretStore(kmip_secret_store.CONF)


class Stories:
    def __init__(self, store):
        self.store = store

    # helpers

    def kept(self, kind, content, spec=None):
        """The content that the store gives back, bytes as it was given."""
        secret = ss.SecretDTO(kind, base64.b64encode(content), spec or ss.KeySpec(), 'application/octet-stream')
        return self.fetched(kind, self.store.store_secret(secret))

    def fetched(self, kind, metadata):
        return base64.b64decode(self.store.get_secret(kind, metadata).secret)

    def made(self, algorithm, bits):
        metadata = self.store.generate_symmetric_key(ss.KeySpec(algorithm, bits))
        secret = self.store.get_secret(ss.SecretType.SYMMETRIC, metadata)
        equal((secret.key_spec.alg, secret.key_spec.bit_length), (algorithm, bits))
        return base64.b64decode(secret.secret)

    # stories

    def story_generates_aes_keys(self):
        for bits in [128, 192, 256]:
            equal(len(self.made(ss.KeyAlgorithm.AES, bits)), bits // 8)

    def story_generates_other_symmetric_keys(self):
        equal(len(self.made(ss.KeyAlgorithm.HMACSHA256, 256)), 32)
        equal(len(self.made(ss.KeyAlgorithm.DESEDE, 192)), 24)

    def story_keeps_a_symmetric_key(self):
        key = os.urandom(32)
        equal(self.kept(ss.SecretType.SYMMETRIC, key, ss.KeySpec(ss.KeyAlgorithm.AES, 256)), key)

    def story_keeps_a_passphrase(self):
        for text in [b'p', 'a passphrase, with \u00e4'.encode(), b'x' * 2000]:
            equal(self.kept(ss.SecretType.PASSPHRASE, text), text)

    def story_keeps_opaque_data(self):
        for data in [b'\0', os.urandom(20_000)]:
            equal(self.kept(ss.SecretType.OPAQUE, data), data)

    def story_generates_a_pair(self):
        for bits in [2048, 3072]:
            made = self.store.generate_asymmetric_key(ss.KeySpec(ss.KeyAlgorithm.RSA, bits))
            own = serialization.load_pem_private_key(self.fetched(ss.SecretType.PRIVATE, made.private_key_meta), None)
            public = serialization.load_pem_public_key(self.fetched(ss.SecretType.PUBLIC, made.public_key_meta))
            equal(public.key_size, bits)
            public.verify(own.sign(b'text', padding.PKCS1v15(), hashes.SHA256()), b'text', padding.PKCS1v15(), hashes.SHA256())

    def story_keeps_a_pair_and_its_certificate(self):
        own = rsa.generate_private_key(65537, 2048)
        spec = ss.KeySpec(ss.KeyAlgorithm.RSA, 2048)
        private = own.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        back = serialization.load_pem_private_key(self.kept(ss.SecretType.PRIVATE, private, spec), None)
        equal(back.private_numbers(), own.private_numbers())
        public = own.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        back = serialization.load_pem_public_key(self.kept(ss.SecretType.PUBLIC, public, spec))
        equal(back.public_numbers(), own.public_key().public_numbers())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'a service')])
        begin = datetime.datetime(2026, 1, 1)
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(own.public_key())
            .serial_number(1).not_valid_before(begin).not_valid_after(begin + datetime.timedelta(days=900))
            .sign(own, hashes.SHA256()))
        back = self.kept(ss.SecretType.CERTIFICATE, certificate.public_bytes(PEM))
        equal(x509.load_pem_x509_certificate(back), certificate)

    def story_deletes_one_of_several_of_one_name(self):
        first, second = [self.store.generate_symmetric_key(ss.KeySpec(ss.KeyAlgorithm.AES, 256)) for _ in range(2)]
        kept = self.fetched(ss.SecretType.SYMMETRIC, second)
        self.store.delete_secret(first)
        not_found(self.fetched, ss.SecretType.SYMMETRIC, first)
        equal(self.fetched(ss.SecretType.SYMMETRIC, second), kept)

    def story_is_refused_a_secret_that_is_not_there(self):
        nowhere = {kmip_secret_store.KMIPSecretStore.KEY_UUID: 'no-such-secret'}
        not_found(self.fetched, ss.SecretType.SYMMETRIC, nowhere)
        not_found(self.store.delete_secret, nowhere)


def not_found(call, *args):
    why = refused(call, *args)
    if 'ITEM_NOT_FOUND' not in why:
        raise AssertionError(why)


def main():
    encoding, _, _, _, key, _, settings = sys.argv[1:]
    stories = Stories(open_store(encoding, key, json.loads(settings)))
    tell_all([('Barbican ' + title, getattr(stories, method)) for title, method in story_methods(Stories)])


main()
