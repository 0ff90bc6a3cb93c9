"""What an application does with PyKMIP's client and a KMIP server.

usage: program.py HOST PORT CERTIFICATE KEY CA MINOR     (KMIP 1.MINOR)
"""

import logging
import os
import sys
import warnings

warnings.simplefilter('ignore')
logging.disable(logging.CRITICAL)

from kmip.core import enums  # noqa: E402
from kmip.core.factories import attributes as attribute_factory  # noqa: E402
from kmip.core.attributes import Name  # noqa: E402
from kmip.pie import exceptions, objects  # noqa: E402
from kmip.pie.client import ProxyKmipClient  # noqa: E402
from stories import equal, story_methods, tell_all  # noqa: E402

ENCRYPT = enums.CryptographicUsageMask.ENCRYPT
DECRYPT = enums.CryptographicUsageMask.DECRYPT
SIGN = enums.CryptographicUsageMask.SIGN
STATE = enums.AttributeType.STATE.value


class Stories:
    def __init__(self, client, minor):
        self.client = client
        self.minor = minor
        self.factory = attribute_factory.AttributeFactory()

    # helpers

    def name(self, text):
        return 'pykmip-1.%d-%s' % (self.minor, text)

    def new_key(self, name=None):
        return self.client.create(
            enums.CryptographicAlgorithm.AES, 256, name=name, cryptographic_usage_mask=[ENCRYPT, DECRYPT])

    def state(self, uid):
        answered, attributes = self.client.get_attributes(uid, [STATE])
        equal(answered, uid)
        equal(len(attributes), 1)
        return attributes[0].attribute_value.value

    def located(self, **wanted):
        names = {
            'name': lambda value: self.factory.create_attribute(
                enums.AttributeType.NAME,
                Name.create(value, enums.NameType.UNINTERPRETED_TEXT_STRING)),
            'object_type': lambda value: self.factory.create_attribute(enums.AttributeType.OBJECT_TYPE, value),
            'state': lambda value: self.factory.create_attribute(enums.AttributeType.STATE, value),
        }
        return self.client.locate(attributes=[names[key](value) for key, value in wanted.items()])

    # stories

    def story_create_and_get(self):
        uid = self.new_key()
        key = self.client.get(uid)
        equal(type(key), objects.SymmetricKey)
        equal((key.cryptographic_algorithm, key.cryptographic_length, len(key.value)),
              (enums.CryptographicAlgorithm.AES, 256, 32))
        equal(self.client.get(uid).value, key.value)
        different(self.client.get(self.new_key()).value, key.value)

    def story_register_a_key(self):
        value = os.urandom(32)
        uid = self.client.register(objects.SymmetricKey(
            enums.CryptographicAlgorithm.AES, 256, value, masks=[ENCRYPT], name=self.name('registered')))
        equal(self.client.get(uid).value, value)

    def story_register_secret_data(self):
        uid = self.client.register(objects.SecretData(
            b'correct horse', enums.SecretDataType.PASSWORD, masks=[enums.CryptographicUsageMask.VERIFY],
            name=self.name('secret')))
        secret = self.client.get(uid)
        equal(type(secret), objects.SecretData)
        equal((secret.value, secret.data_type), (b'correct horse', enums.SecretDataType.PASSWORD))

    def story_register_an_opaque_object(self):
        value = bytes(range(256)) * 8
        uid = self.client.register(objects.OpaqueObject(
            value, enums.OpaqueDataType.NONE, name=self.name('opaque')))
        opaque = self.client.get(uid)
        equal(type(opaque), objects.OpaqueObject)
        equal(opaque.value, value)

    def story_locate(self):
        first = self.new_key(self.name('located'))
        second = self.new_key()
        equal(self.located(name=self.name('located')), [first])
        equal(self.located(name=self.name('nobody')), [])
        newest = self.client.locate(maximum_items=2)
        equal(newest, [second, first])
        contains(self.located(object_type=enums.ObjectType.SYMMETRIC_KEY), first)
        equal(self.located(object_type=enums.ObjectType.SYMMETRIC_KEY, name=self.name('located')), [first])
        equal(self.located(object_type=enums.ObjectType.SECRET_DATA, name=self.name('located')), [])
        self.client.activate(second)
        contains(self.located(state=enums.State.ACTIVE), second)
        absent(self.located(state=enums.State.ACTIVE), first)

    def story_locate_page_by_page(self):
        if self.minor < 3:
            return  # Offset Items came with 1.3.
        made = [self.new_key() for _ in range(3)]
        equal(self.client.locate(maximum_items=1, offset_items=1), [made[1]])
        equal(self.client.locate(maximum_items=2, offset_items=1), [made[1], made[0]])

    def story_attributes(self):
        uid = self.new_key(self.name('attributes'))
        listed = self.client.get_attribute_list(uid)
        for name in ['Unique Identifier', 'Object Type', 'Cryptographic Algorithm', 'Cryptographic Length',
                     'Cryptographic Usage Mask', 'State', 'Name', 'Initial Date', 'Last Change Date', 'Digest']:
            contains(listed, name)
        # All at once would bring some that PyKMIP cannot read (since 1.2: Original Creation Date and others), and it wants a
        # Key Format Type in the Digest, which 1.0 has not.
        readable = ['Cryptographic Algorithm', 'Cryptographic Length', 'Cryptographic Usage Mask', 'Initial Date',
                    'Last Change Date', 'Name', 'Object Type', 'State', 'Unique Identifier']
        if self.minor >= 1:
            readable.append('Digest')
        answered, attributes = self.client.get_attributes(uid, readable)
        equal(answered, uid)
        equal(sorted(a.attribute_name.value for a in attributes), sorted(readable))
        values = {a.attribute_name.value: a.attribute_value for a in attributes}
        equal(values['Cryptographic Length'].value, 256)
        equal(values['Cryptographic Algorithm'].value, enums.CryptographicAlgorithm.AES)
        equal(values['Cryptographic Usage Mask'].value, ENCRYPT.value | DECRYPT.value)
        equal(values['Name'].name_value.value, self.name('attributes'))
        equal(values['State'].value, enums.State.PRE_ACTIVE)

    def story_change_attributes(self):
        uid = self.new_key(self.name('before'))
        changed = self.factory.create_attribute(
            enums.AttributeType.NAME, Name.create(self.name('after'), enums.NameType.UNINTERPRETED_TEXT_STRING))
        self.client.modify_attribute(uid, attribute=changed)
        equal(self.located(name=self.name('after')), [uid])
        equal(self.located(name=self.name('before')), [])
        self.client.delete_attribute(uid, attribute_name='Name', attribute_index=0)
        equal(self.located(name=self.name('after')), [])
        refused('PERMISSION_DENIED', self.client.delete_attribute, uid, attribute_name='State', attribute_index=0)

    def story_life_of_a_key(self):
        uid = self.new_key()
        equal(self.state(uid), enums.State.PRE_ACTIVE)
        self.client.activate(uid)
        equal(self.state(uid), enums.State.ACTIVE)
        value = self.client.get(uid).value
        refused('PERMISSION_DENIED', self.client.activate, uid)
        refused('PERMISSION_DENIED', self.client.destroy, uid)
        self.client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, uid, 'no longer needed')
        equal(self.state(uid), enums.State.DEACTIVATED)
        equal(self.client.get(uid).value, value)
        self.client.destroy(uid)
        refused('ITEM_NOT_FOUND', self.client.get, uid)

    def story_compromise(self):
        uid = self.new_key()
        self.client.activate(uid)
        self.client.revoke(
            enums.RevocationReasonCode.KEY_COMPROMISE, uid, 'lost', compromise_occurrence_date=1_700_000_000)
        equal(self.state(uid), enums.State.COMPROMISED)
        contains(self.client.get_attribute_list(uid), 'Revocation Reason')  # whose value PyKMIP cannot read
        _, attributes = self.client.get_attributes(uid, ['Compromise Date', 'Compromise Occurrence Date'])
        dates = {a.attribute_name.value: a.attribute_value.value for a in attributes}
        equal(dates['Compromise Occurrence Date'], 1_700_000_000)
        equal(sorted(dates), ['Compromise Date', 'Compromise Occurrence Date'])
        self.client.destroy(uid)

    def story_check(self):
        uid = self.new_key()
        self.client.activate(uid)
        equal(self.client.check(uid, cryptographic_usage_mask=[ENCRYPT]), uid)
        equal(self.client.check(uid, cryptographic_usage_mask=[SIGN]), None)  # who may not is told no identifier

    def story_refusals(self):
        refused('ITEM_NOT_FOUND', self.client.get, 'no-such-key')
        refused('ITEM_NOT_FOUND', self.client.destroy, 'no-such-key')
        refused('ITEM_NOT_FOUND', self.client.get_attributes, 'no-such-key', ['State'])

    def story_keys_share_a_name(self):
        first = self.new_key(self.name('shared'))
        second = self.new_key(self.name('shared'))
        equal(self.located(name=self.name('shared')), [second, first])

    def story_a_name_is_free_again_after_destroy(self):
        uid = self.new_key(self.name('reused'))
        self.client.destroy(uid)
        equal(self.located(name=self.name('reused')), [])
        different(self.new_key(self.name('reused')), uid)

    def story_query_and_versions(self):
        functions = [enums.QueryFunction.QUERY_OPERATIONS, enums.QueryFunction.QUERY_OBJECTS,
                     enums.QueryFunction.QUERY_SERVER_INFORMATION]
        result = self.client.proxy.query(query_functions=functions)
        equal(result.result_status.value, enums.ResultStatus.SUCCESS)
        for operation in [enums.Operation.CREATE, enums.Operation.GET, enums.Operation.LOCATE]:
            contains(result.operations, operation)
        contains(result.object_types, enums.ObjectType.SYMMETRIC_KEY)
        equal(bool(result.vendor_identification), True)
        if self.minor >= 1:
            result = self.client.proxy.discover_versions()
            equal(result.result_status.value, enums.ResultStatus.SUCCESS)
            contains([str(version) for version in result.protocol_versions], '1.%d' % self.minor)


# judging


def different(found, unwanted):
    if found == unwanted:
        raise AssertionError('found %r, which must not be' % (found,))


def contains(found, wanted):
    if wanted not in found:
        raise AssertionError('%r is not in %r' % (wanted, found))


def absent(found, unwanted):
    if unwanted in found:
        raise AssertionError('%r is in %r' % (unwanted, found))


def refused(reason, call, *args, **options):
    try:
        call(*args, **options)
    except exceptions.KmipOperationFailure as failure:
        equal((failure.status, failure.reason.name), (enums.ResultStatus.OPERATION_FAILED, reason))
        return
    except Exception as failure:  # Attribute operations raise the one of kmip.core.
        if type(failure).__name__ != 'OperationFailure':
            raise
        equal((failure.status, failure.reason.name), (enums.ResultStatus.OPERATION_FAILED, reason))
        return
    raise AssertionError('%s was not refused' % getattr(call, '__name__', call))


def main():
    host, port, cert, key, ca, minor = sys.argv[1:]
    version = getattr(enums.KMIPVersion, 'KMIP_1_%s' % minor)

    # PyKMIP closes its connection after some errors of its own, so each story has one.
    def teller(method):
        def tell():
            with ProxyKmipClient(
                    hostname=host, port=int(port), cert=cert, key=key, ca=ca, kmip_version=version) as client:
                getattr(Stories(client, int(minor)), method)()
        return tell

    tell_all([(title, teller(method)) for title, method in story_methods(Stories)])


main()
