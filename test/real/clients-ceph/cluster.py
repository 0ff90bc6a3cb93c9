"""A Ceph of one monitor, one OSD in memory and one object gateway, all on the loopback, in the working folder, without cephx."""

import atexit
import os
import signal
import socket
import subprocess
import sys
import time
import uuid

USER = {'access': 'stories', 'secret': 'of-the-gateway'}


class Cluster:
    def __init__(self, gateway_settings):
        """`gateway_settings`: pairs of an option of ceph.conf and its value, as Mortise prints them."""
        self.folder = os.getcwd()
        self.processes = []
        atexit.register(self.stop)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that a program that is ended stops its Ceph too
        monitor, self.gateway_port = free_port(), free_port()
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        self.write_conf(fsid, monitor, gateway_settings)
        self.run('monmaptool', '--create', '--fsid', fsid, '--addv', 'a', '[v2:127.0.0.1:%d/0]' % monitor, 'monmap')
        self.run('ceph-mon', '-i', 'a', '--mkfs', '--monmap', 'monmap')
        self.start('ceph-mon', '-i', 'a', '-f')
        self.run('ceph', 'osd', 'new', osd)
        self.run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd)
        self.start('ceph-osd', '-i', '0', '-f')
        self.start('radosgw', '-n', 'client.gateway', '-f')
        self.await_gateway()
        self.run('radosgw-admin', 'user', 'create', '--uid', 'stories', '--display-name', 'stories',
                 '--access-key', USER['access'], '--secret', USER['secret'])

    def write_conf(self, fsid, monitor, gateway_settings):
        settings = [
            ('fsid', fsid), ('mon host', '[v2:127.0.0.1:%d/0]' % monitor), ('public addr', '127.0.0.1'), ('cluster addr', '127.0.0.1'),
            ('auth cluster required', 'none'), ('auth service required', 'none'), ('auth client required', 'none'), ('ms mon client mode', 'crc'),
            ('mon data', '$folder/mon'), ('osd data', '$folder/osd'), ('run dir', '$folder'), ('log file', '$folder/$name.log'),
            ('admin socket', ''), ('crash dir', '$folder'), ('mon cluster log file', ''), ('setuser match path', ''),
            ('osd objectstore', 'memstore'), ('memstore device bytes', '1073741824'), ('osd crush chooseleaf type', '0'),
            ('osd pool default size', '1'), ('osd pool default min size', '1'), ('osd pool default pg num', '1'),
            ('osd pool default pgp num', '1'), ('osd pool default pg autoscale mode', 'off'), ('mon max pg per osd', '1000'),
            ('mon osd min down reporters', '1'), ('mon data avail crit', '1'),
            ('rgw frontends', 'beast endpoint=127.0.0.1:%d' % self.gateway_port), ('rgw crypt require ssl', 'false'),
        ]
        for name in ['mon', 'osd']:
            os.mkdir(os.path.join(self.folder, name))
        with open('ceph.conf', 'w') as conf:
            conf.write('[global]\n')
            for name, value in settings + list(gateway_settings):
                conf.write('%s = %s\n' % (name, value.replace('$folder', self.folder)))

    def run(self, program, *words):
        done = subprocess.run([program, '-c', 'ceph.conf', *words] if program != 'monmaptool' else [program, *words],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=90)
        if done.returncode != 0:
            raise RuntimeError('%s %s: %s' % (program, ' '.join(words), done.stdout.decode()[-2000:]))
        return done.stdout

    def start(self, program, *words):
        with open('%s.out' % program, 'wb') as out:
            self.processes.append((program, subprocess.Popen([program, '-c', 'ceph.conf', *words], stdout=out, stderr=out)))

    def await_gateway(self):
        """Up to a minute: the gateway makes its pools first."""
        for _ in range(600):
            for program, process in self.processes:
                if process.poll() is not None:
                    with open('%s.out' % program) as out:
                        raise RuntimeError('%s ended: %s' % (program, out.read()[-2000:]))
            try:
                socket.create_connection(('127.0.0.1', self.gateway_port), timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError('the gateway does not listen')

    def stored(self, text):
        """Whether any object of the cluster holds these bytes."""
        pool = 'default.rgw.buckets.data'
        names = self.run('rados', '-p', pool, 'ls').decode().splitlines()
        return any(text in self.run('rados', '-p', pool, 'get', name, '-') for name in names)

    def stop(self):
        for _, process in reversed(self.processes):
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]
