// The rules by which a campaign leaves a machine out. Sources: the guide vSphere Security, on recrypting a virtual machine; Broadcom's
// KB 387897 for change block tracking.

import type { EncryptedMachine } from '../../../outside/vsphere-api/recrypt.ts'

export interface RekeyWay {
  readonly isDeep: boolean
  /** The person named this machine, by its whole name or identifier. */
  readonly isNamed: boolean
  /** The part of this server or of vCenter that runs in the machine: `this server`; undefined: no such part does. */
  readonly runs: string | undefined
}

/** Why the machine gets no new key now, as a sentence without a full stop; undefined: it can. */
export function obstacle(machine: EncryptedMachine, { isDeep, isNamed, runs }: RekeyWay): string | undefined {
  const { connection, isLocked, isTemplate, tracksChanges } = machine
  if (connection !== 'connected') return `vCenter says that it is ${connection}`
  if (isLocked) return 'it is locked, since its host lacks its key: unlock it in vCenter first'
  if (isTemplate) return 'it is a template: convert it to a virtual machine first'
  if (runs !== undefined && !isNamed) return `${runs} runs in it: name it with --machines to rekey it too`
  if (tracksChanges && !isNamed)
    return 'it has change block tracking, and vCenter before 8.0 U3e may power it off: name it with --machines to rekey it too'
  return isDeep ? deepObstacle(machine) : shallowObstacle(machine)
}

function deepObstacle({ isOff, snapshots, disks }: EncryptedMachine): string | undefined {
  if (!isOff) return 'it is powered on, and a deep rekey takes only machines that are off'
  if (snapshots > 0) return 'it has snapshots, and a deep rekey takes no machine with snapshots'
  return disks.some(({ parents }) => parents > 0)
    ? 'it is a linked clone, and a deep rekey takes no linked clones'
    : undefined
}

function shallowObstacle({
  isOff,
  snapshots,
  hasBranches,
  hasIde,
  disks,
}: EncryptedMachine): string | undefined {
  if (hasBranches) return 'its snapshots are more than one chain'
  if (disks.some(({ parents }) => parents > snapshots)) return 'it is a linked clone'
  return hasIde && !isOff
    ? 'it has a disk at an IDE controller, and can get a new key only while it is powered off'
    : undefined
}
