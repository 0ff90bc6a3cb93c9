"""What users of Ceph's object gateway do with buckets whose objects it encrypts under keys of a KMIP server (SSE-KMS).

usage: program.py HOST PORT CERTIFICATE KEY CA SETTINGS     (the keys `mybucketkey` and `otherkey` are there)

SETTINGS: JSON, pairs of an option of ceph.conf and its value.
"""

import json
import os
import sys

import boto3
from botocore.config import Config

from cluster import USER, Cluster
from stories import equal, refused, story_methods, tell_all

MIB = 1024 * 1024


class Stories:
    def __init__(self, cluster):
        self.cluster = cluster
        self.s3 = boto3.client(
            's3', endpoint_url='http://127.0.0.1:%d' % cluster.gateway_port, region_name='default',
            aws_access_key_id=USER['access'], aws_secret_access_key=USER['secret'],
            config=Config(retries={'max_attempts': 0}, s3={'addressing_style': 'path'}))

    def put(self, name, content, key):
        return self.s3.put_object(Bucket='stories', Key=name, Body=content, ServerSideEncryption='aws:kms', SSEKMSKeyId=key)

    def fetched(self, name):
        return self.s3.get_object(Bucket='stories', Key=name)

    def story_encrypts_an_object_under_a_named_key(self):
        self.s3.create_bucket(Bucket='stories')
        text = b'a text that no disk may hold in the clear'
        self.put('first', text, 'mybucketkey')
        answer = self.fetched('first')
        equal(answer['Body'].read(), text)
        equal((answer['ServerSideEncryption'], answer['SSEKMSKeyId']), ('aws:kms', 'mybucketkey'))
        equal(self.cluster.stored(text), False)

    def story_keeps_a_plain_object_as_it_is(self):
        text = b'a text that is not to be encrypted'
        self.s3.put_object(Bucket='stories', Key='plain', Body=text)
        equal(self.cluster.stored(text), True)

    def story_uses_another_key_for_another_object(self):
        self.put('second', b'second', 'otherkey')
        equal(self.fetched('second')['Body'].read(), b'second')
        equal(self.fetched('first')['SSEKMSKeyId'], 'mybucketkey')

    def story_encrypts_a_large_object_in_parts(self):
        content = os.urandom(11 * MIB)
        upload = self.s3.create_multipart_upload(
            Bucket='stories', Key='large', ServerSideEncryption='aws:kms', SSEKMSKeyId='mybucketkey')['UploadId']
        parts = []
        for number, begin in enumerate(range(0, len(content), 5 * MIB), 1):
            part = self.s3.upload_part(
                Bucket='stories', Key='large', UploadId=upload, PartNumber=number, Body=content[begin:begin + 5 * MIB])
            parts.append({'PartNumber': number, 'ETag': part['ETag']})
        self.s3.complete_multipart_upload(
            Bucket='stories', Key='large', UploadId=upload, MultipartUpload={'Parts': parts})
        equal(self.fetched('large')['Body'].read(), content)
        ranged = self.s3.get_object(Bucket='stories', Key='large', Range='bytes=5242870-5242900')
        equal(ranged['Body'].read(), content[5242870:5242901])

    def story_reads_many_objects_one_after_the_other(self):
        for number in range(30):
            self.put('many-%d' % number, b'%d' % number, ['mybucketkey', 'otherkey'][number % 2])
        for number in range(30):
            equal(self.fetched('many-%d' % number)['Body'].read(), b'%d' % number)

    def story_is_refused_a_key_that_is_not_there(self):
        for why in [refused(self.put, 'third', b'third', 'no-such-key'), refused(self.fetched, 'third')]:
            equal(why.startswith('An error occurred ('), True)  # the gateway's own answer


def main():
    stories = Stories(Cluster(json.loads(sys.argv[6])))
    tell_all([('the gateway ' + title, getattr(stories, method)) for title, method in story_methods(Stories)])


main()
