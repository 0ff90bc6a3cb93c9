// The handlers of the routes about closing.

import { StoreUnavailable } from '../../core/ports/store.ts'
import { closingOf } from '../../core/trust/closings.ts'
import type { InstanceClosing } from '../../core/trust/rows.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import { isoTime } from '../../doors/http/views/shown.ts'
import type { Needs } from './needs.ts'
import type { closingRoutes } from './routes.ts'

export const closingHandlers = {
  closeInstance: async ({ trust }, { asker: { by }, instance, body: { reason } }) => {
    const request = { by: by.name ?? '', reason }
    const { id, name, closed } = await orStop(trust.closings.close(by, instance.id, request))
    return { id, name, closed: asShown(closed ?? { atMs: 0, ...request }) }
  },

  openInstance: async ({ trust, instanceWork }, { asker: { by }, instance }) => {
    if (!closingOf(instance)) return { id: instance.id, name: instance.name }
    const { id, name } = await trust.closings.open(by, instance.id)
    instanceWork.nudge(id)
    return { id, name }
  },

  closeServer: async ({ trust }, { asker: { by }, body: { reason } }) => {
    const closing = await orStop(trust.closings.closeServer(by, { by: by.name ?? '', reason }))
    return { closed: asShown(closing) }
  },

  openServer: async ({ access, trust, instanceWork }, { asker: { by } }) => {
    const all = await access.instances()
    const isOpen = all.every(({ closedWithServer }) => !closedWithServer)
    const stillClosed = isOpen ? all.filter(({ closed }) => closed) : await trust.closings.openServer(by)
    for (const { id } of all) instanceWork.nudge(id)
    return { stillClosed: stillClosed.map(({ id, name }) => ({ id, name })) }
  },
} satisfies Handlers<typeof closingRoutes, Needs>

function asShown({ atMs, by, reason }: InstanceClosing) {
  return { at: isoTime(atMs), by, reason }
}

/** A manager who closes wants no key to leave: where the store takes no change, one way is left. */
async function orStop<T>(closing: Promise<T>): Promise<T> {
  try {
    return await closing
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error
    const hint =
      'Nothing is closed, and keys are still handed out. To stop that now, stop the process of every node (systemctl stop mortise); then mend the store, start, and close.'
    throw new StoreUnavailable(error.why, error.message, { hint, cause: error })
  }
}
