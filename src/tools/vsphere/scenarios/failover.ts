// Several addresses for one provider: one is down, and a key created at one is needed at another 140 ms later.

import { addressText, type Address } from '../../../base/kmip-address.ts'
import { deadAddress } from '../loopback.ts'
import { attempt, type Scenario } from '../scenario.ts'
import type { Site } from '../site.ts'
import type { Note } from '../vcenter-session.ts'

/** The time from the end of Create to the next connection that names the key. */
const nextConnectionMs = 140
const rounds = 4

async function failOver(site: Site): Promise<void> {
  await goOnWithoutOne(site)
  const { addresses, runLog } = site
  if (addresses.length === 1)
    runLog.remark('addresses', 'only one was given: no key is created at one and fetched at another')
  const pairs = addresses.flatMap((first) =>
    addresses
      .filter((second) => second !== first || addresses.length === 1)
      .map((second) => [first, second] as const),
  )
  for (const [first, second] of pairs) await attempt(() => makeHereFetchThere(site, first, second))
}

/** Nothing listens at the first address. Every piece of work must succeed all the same. */
async function goOnWithoutOne(site: Site): Promise<void> {
  const endpoint = site.endpoint('vcenter, one address down', {
    addresses: [await deadAddress(), ...site.addresses],
  })
  for (let round = 0; round < rounds; round++)
    await attempt(async () => {
      const key = await endpoint.work('make a key', (session) => session.create('failover', 'trial'))
      await endpoint.work('fetch and activate a key', async (session) => {
        await session.get(key)
        await session.activate(key)
      })
    })
}

async function makeHereFetchThere(site: Site, first: Address, second: Address): Promise<void> {
  const { tempo, runLog } = site
  const here = site.endpoint(`vcenter at ${addressText(first)}`, { addresses: [first] })
  const there = site.endpoint(`vcenter at ${addressText(second)}`, { addresses: [second] })
  const key = await here.work('make a key', (session) => session.create('failover', 'trial'))
  await tempo.gap(nextConnectionMs)
  await there.work('fetch and activate it elsewhere', async (session) => {
    await session.get(key)
    await session.state(key)
    await session.activate(key)
  })
  await tempo.gap(nextConnectionMs)
  const note: Note = ['x-Component', 'Virtual Machine']
  await here.work('see it active where it was made', async (session) => {
    const state = await session.state(key)
    if (state !== 'Active') runLog.violation('failover', `activated at one address, and ${state} at another`)
    await session.get(key)
    if (!(await session.addAttributes(key, [note]))) return
    await there.work('read the note elsewhere', async (other) => {
      if (!(await other.attribute(key, note[0])).includes(note[1]))
        runLog.violation('failover', 'noted at one address, and not there at another')
    })
  })
}

export const failoverScenarios: readonly Scenario[] = [
  {
    id: 'k',
    name: 'failover',
    title: 'one address is down; a key created at one is fetched at another',
    run: failOver,
  },
]
