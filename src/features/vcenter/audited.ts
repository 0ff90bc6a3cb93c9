// The entries of vCenters in the audit log: each change of a vCenter is entered before vCenter is asked for it and after it answered.

import type { Audit } from '../../core/audit/audit.ts'
import { addressText } from '../../base/kmip-address.ts'
import type { Actor, AuditEntry } from '../../core/ports/audit.ts'
import type { AuditAction } from '../../core/ports/audit-actions.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
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

/** The entry of an act on a vCenter of the list. */
export function vcenterEntry(
  { clock }: { readonly clock: Pick<Clock, 'now'> },
  { actor, requestId }: Pick<ApiRequester, 'actor' | 'requestId'>,
  { id, instanceId, name, host, port, trust, user }: Vcenter,
  action: AuditAction,
): AuditEntry {
  const recognized = 'fingerprint' in trust ? { fingerprint: trust.fingerprint } : { by: 'CA' }
  const detail = {
    vcenter: name,
    address: addressText({ host, port }),
    ...recognized,
    ...(user !== undefined && { user }),
  }
  return {
    atMs: clock.now(),
    action,
    result: 'success',
    instanceId,
    object: id,
    actor,
    reason: null,
    requestId,
    detail,
  }
}
