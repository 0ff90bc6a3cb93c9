// The work that runs or ran last for each vCenter, as jobs that requests begin: connects, readings of its inventory, plans of campaigns. The password is in
// memory only: when the server stops midway, a person begins the same work again.

import { Refusal } from '../../base/refusal.ts'
import type { InventoryRecord } from '../../core/ports/inventory.ts'
import type { NodeLeases } from '../../core/server/leases.ts'
import { refusalOf } from '../../doors/http/faults.ts'
import { Jobs, serverStops, type Job } from '../../doors/http/jobs.ts'
import { VsphereError } from '../../outside/vsphere-api/errors.ts'
import type { ConnectProgress } from './steps.ts'

interface ShownConnect {
  /** The name of the vCenter. */
  readonly vcenter: string
  readonly provider: string
  readonly dryRun: boolean
  readonly progress: ConnectProgress
}

interface ShownRead {
  readonly vcenter: string
  /** `rows`: keys of machines, disks and snapshots that were read so far. */
  readonly progress: { readonly rows: number }
}

interface ShownPlan {
  readonly vcenter: string
  /** `seen`: machines, hosts and clusters that the server has read so far. */
  readonly progress: { readonly seen: number }
}

export type ConnectJob = Job<ShownConnect, null>
export type ReadJob = Job<ShownRead, InventoryRecord>
/** Plans of rekey campaigns. */
export type PlanJob = Job<ShownPlan, null>

export interface VcenterJobs {
  readonly connects: Jobs<ShownConnect, null>
  readonly reads: Jobs<ShownRead, InventoryRecord>
  readonly plans: Jobs<ShownPlan, null>
}

/** `failed` is called with bugs and outages. */
export function vcenterJobs(
  failed: (error: unknown) => void,
): VcenterJobs & { readonly stop: () => Promise<void> } {
  const options = (what: string) => ({
    busy: ({ vcenter }: { readonly vcenter: string }) =>
      new Refusal('conflict', `${what} ${vcenter} is under way`, 'Try again when it is done.'),
    refusalOf: (error: unknown, stops: boolean) => (stops ? serverStops() : refusalOfVcenter(error)),
    onFailure: failed,
  })
  const connects = new Jobs<ShownConnect, null>(options('a connect or change-over of'))
  const reads = new Jobs<ShownRead, InventoryRecord>(options('a reading of the inventory of'))
  const plans = new Jobs<ShownPlan, null>(options('a plan for'))
  const all = [connects, reads, plans]
  const stop = async () => void (await Promise.all(all.map((jobs) => jobs.stop())))
  return { connects, reads, plans, stop }
}

/** Does the work of a connect or a change-over, which the other nodes can see. */
export function connecting<T>(
  { leases }: { readonly leases: Pick<NodeLeases, 'during'> },
  work: () => Promise<T>,
): Promise<T> {
  return leases.during('vcenter-connect', work)
}

/** The error for the person who asked; undefined: it is a bug or an outage here. */
export function refusalOfVcenter(error: unknown): Refusal | undefined {
  if (error instanceof VsphereError)
    return new Refusal('refused', error.message, error.hint, { cause: error })
  return refusalOf(error)
}
