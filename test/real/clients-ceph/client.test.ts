// Ceph's object gateway, as Debian ships it, with a Ceph around it: buckets whose objects it encrypts under keys of the server.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { clientTestTimeoutMs } from '../../support/real-clients/builds.ts'
import { pythonStories } from '../../support/real-clients/python.ts'
import { tellStories } from '../../support/real-clients/site.ts'
import { skipOrFail } from '../../support/server/skip.ts'

const command = '/usr/bin/python3'
const program = path.join(import.meta.dirname, 'program.py')
const debian = 'radosgw ceph-mon ceph-osd python3-boto3'

test("Ceph's object gateway", { timeout: clientTestTimeoutMs }, async (t) => {
  const check = `radosgw --version && ceph-mon --version && ceph-osd --version && ${command} -c "import boto3"`
  if (spawnSync('sh', ['-c', check]).status !== 0)
    return skipOrFail(t, `needs Debian's Ceph: apt-get install ${debian}`)
  await tellStories(
    t,
    { product: 'ceph-rgw', leastStories: 6 },
    {
      command,
      args: [program],
      env: { PYTHONPATH: pythonStories, PYTHONDONTWRITEBYTECODE: '1' },
      prepare: async ({ server }) => {
        for (const name of ['mybucketkey', 'otherkey'])
          await server.json('key', 'create', '--instance', 'default', '--name', name)
        return []
      },
    },
  )
})
