// A vCenter as the server knows it, and the audit entry of its adding, for tests that add it without asking one.

import { serverActor } from '../../../src/core/audit/actor.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import type { Vcenter } from '../../../src/features/vcenter/vcenters.ts'

export function knownVcenter(name: string, more: Partial<Vcenter> = {}): Vcenter {
  return {
    id: `id-of-${name}`,
    instanceId: 'red-id',
    name,
    host: `${name}.example.com`,
    port: 443,
    trust: { fingerprint: 'ab'.repeat(32) },
    product: 'VMware vCenter Server',
    version: '8.0.3',
    instanceUuid: `uuid-of-${name}`,
    addedMs: 1,
    ...more,
  }
}

export function addedEntry(object: string): AuditEntry {
  const about = { instanceId: null, reason: null, requestId: null, detail: null }
  return { atMs: 1, action: 'vcenter.add', result: 'success', object, actor: serverActor, ...about }
}
