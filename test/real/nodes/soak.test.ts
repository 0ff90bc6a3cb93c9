// Runs alone: it kills, pauses and cuts off whole servers, and waits for them to serve again.
//
// A minute of `npm run soak -- --topology two-nodes`.

import { test } from 'node:test'
import { soakNodes } from '../../support/load/soak-nodes.ts'
import { Topology } from '../../support/load/topology.ts'

test('two nodes, their database and its replica, to which everything happens, lose nothing', async (t) => {
  await using topology = await Topology.start(t, { faults: 'clocks and disks' })
  if (!topology) return
  const done = await soakNodes(topology, { minutes: 1, seed: 11, clients: 4 })
  t.diagnostic(JSON.stringify(done))
})
