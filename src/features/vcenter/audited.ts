// Enters each change of a vCenter into the audit log, before vCenter is asked for it and after it answered.

import type { Audit } from '../../core/audit/audit.ts'
import type { Actor } from '../../core/ports/audit.ts'
import { VsphereError } from '../../outside/vsphere-api/errors.ts'
import type { Vcenter } from './vcenters.ts'

/** The characters of a reason that an audit entry keeps. */
const reasonCharactersMax = 500

export interface VcenterChanger {
  readonly audit: Pick<Audit, 'enter'>
  readonly actor: Actor
  readonly requestId: string | null
  readonly vcenter: Pick<Vcenter, 'id' | 'instanceId' | 'name'>
}

/** Does the work; killed midway, only the first entry stands in the log. Rejects as `work` does. */
export async function audited<T>(
  { audit, actor, requestId, vcenter: { id: object, instanceId, name } }: VcenterChanger,
  detail: Readonly<Record<string, string>>,
  work: () => Promise<T>,
): Promise<T> {
  const common = { actor, requestId, instanceId, object, detail: { vcenter: name, ...detail } }
  await audit.enter({ ...common, action: 'vcenter.change', result: 'success', reason: null })
  try {
    const done = await work()
    await audit.enter({ ...common, action: 'vcenter.changed', result: 'success', reason: null })
    return done
  } catch (error) {
    if (error instanceof VsphereError)
      await audit.enter({
        ...common,
        action: 'vcenter.changed',
        result: 'refused',
        reason: error.message.slice(0, reasonCharactersMax),
      })
    throw error
  }
}
