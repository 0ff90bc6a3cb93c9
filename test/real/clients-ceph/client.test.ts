// Ceph's object gateway, as Debian ships it, with a Ceph around it: buckets whose objects it encrypts under keys of the server.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { clientTestTimeoutMs } from '../../support/real-clients/builds.ts'
import { debianPython } from '../../support/real-clients/python.ts'
import { printedSettings, tellStories, type ClientSite } from '../../support/real-clients/site.ts'
import { skipOrFail } from '../../support/server/skip.ts'

test("Ceph's object gateway", { timeout: clientTestTimeoutMs }, async (t) => {
  const check = `radosgw --version && ceph-mon --version && ceph-osd --version && ${debianPython.command} -c "import boto3"`
  if (spawnSync('sh', ['-c', check]).status !== 0)
    return skipOrFail(
      t,
      "needs Debian's Ceph: apt-get install --no-install-recommends radosgw ceph-mon ceph-osd python3-boto3",
    )
  const args = [path.join(import.meta.dirname, 'program.py')]
  await tellStories(t, { product: 'ceph-rgw', leastStories: 6 }, { ...debianPython, args, prepare })
})

async function prepare(site: ClientSite): Promise<readonly string[]> {
  for (const name of ['mybucketkey', 'otherkey'])
    await site.server.json('key', 'create', '--instance', 'default', '--name', name)
  return [printedSettings('ceph-rgw', site)]
}
