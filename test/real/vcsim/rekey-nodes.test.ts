// A rekey campaign of two nodes on PostgreSQL: the node that works on it dies, and the other one goes on.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPostgres } from '../../support/postgresql/server.ts'
import { startNodes } from '../../support/server/nodes.ts'
import { until } from '../../support/time/until.ts'
import { SoapClient } from '../../support/vcenter/client.ts'
import { startVcenter } from '../../support/vcenter/vcenter.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'
import { copied, RekeySite } from './rekey-site.ts'

test(
  'a campaign goes on from the other node when its node dies, and no machine gets two keys',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const words = ['-autostart=false', '-vm', '2', '-method-delay', 'ReconfigVm:700,LockHandoff:0']
    const vcenter = await startVcenter(t, { arguments: words })
    if (!vcenter) return
    const postgres = await startPostgres(t)
    if (!postgres) return
    t.after(() => postgres.stop('immediate'))
    await using nodes = await startNodes(postgres, { env: copied })
    const { one, two } = nodes
    const site = new RekeySite(vcenter, await SoapClient.logIn(vcenter), one.server)
    await site.connect()
    await site.encryptAll()
    await vcenter.forgetCalls()
    // The node that looks first does the work.
    const begun = site.rekey('*', '--yes', '--width', '1')
    await until(async () => (await vcenter.calls()).filter((call) => call === 'ReconfigVM_Task').length === 2)
    const { nodes: known } = (await one.server.json('status')) as {
      readonly nodes: readonly { readonly name: string; readonly work: readonly string[] }[]
    }
    const holder = known.find(({ work }) => work.includes('vcenter-rekey'))?.name
    assert.ok(holder)
    const [first, other] = holder === 'two' ? [two, one] : [one, two]
    await first.kill()
    await begun
    site.server = other.server
    await until(async () => (await site.shown()).state === 'done')
    await site.assertDone()
    assert.equal((await vcenter.calls()).filter((call) => call === 'GenerateKey').length, 4)
    assert.deepEqual(await vcenter.violations(), [])
  },
)
