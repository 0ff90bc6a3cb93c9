// Each key that the simulator makes carries a mark, so that it can be found and removed again: on a server with real
// keys only the mark distinguishes it. The mark is added after a scenario, on a connection of its own, so that the
// recorded messages of vSphere stay as they are.

import { locateAll, askState } from '../../outside/kmip-client/calls.ts'
import { KmipRefused } from '../../outside/kmip-client/errors.ts'
import type { Requester } from '../../outside/kmip-client/session.ts'
import { attempt } from './scenario.ts'
import type { Site } from './site.ts'

/** A custom attribute: its name, and the value that cleaning up searches for. */
export const mark = ['x-mortise-simulated', 'yes'] as const

/** Marks the keys that `marked` does not have yet. A server that refuses custom attributes is a remark in the report. */
export async function markKeys(site: Site, marked: Set<string>): Promise<void> {
  const fresh = site.inventory.ids().filter((id) => !marked.has(id))
  if (fresh.length === 0) return
  // Also of a simulation that was interrupted.
  const vcenter = site.endpoint('vcenter', { signal: undefined })
  await attempt(() =>
    vcenter.work('mark what was made', async (session) => {
      for (const id of fresh) {
        if (!(await session.addAttributes(id, [mark]))) return
        marked.add(id)
      }
    }),
  )
}

export interface Cleanup {
  readonly destroyed: number
  /** The keys that the server refused to destroy. */
  readonly left: readonly { readonly id: string; readonly reason: string }[]
}

/** Destroys every key with the mark. Throws KmipRefused where not even a search is allowed, and KmipTransportError. */
export async function cleanUp(server: Requester): Promise<Cleanup> {
  const [AttributeName, value] = mark
  const marked = [{ AttributeName, AttributeValue: { type: 'TextString', value } }]
  const seen = new Set<string>()
  const left: { id: string; reason: string }[] = []
  // A server may name only some of many at once.
  for (;;) {
    const ids = (await locateAll(server, marked)).filter((id) => !seen.has(id))
    if (ids.length === 0) return { destroyed: seen.size - left.length, left }
    for (const id of ids) {
      seen.add(id)
      try {
        await destroy(server, id)
      } catch (error) {
        if (!(error instanceof KmipRefused)) throw error
        left.push({ id, reason: error.message })
      }
    }
  }
}

/** KMIP 1.4 §4.21: an Active key must be revoked before it can be destroyed. */
async function destroy(server: Requester, UniqueIdentifier: string): Promise<void> {
  if ((await askState(server, UniqueIdentifier)) === 'Active')
    await server.request('Revoke', {
      UniqueIdentifier,
      RevocationReason: { RevocationReasonCode: 'CessationOfOperation' },
    })
  await server.request('Destroy', { UniqueIdentifier })
}
