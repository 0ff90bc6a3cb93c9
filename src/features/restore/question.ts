// The questions before a restore writes anything: the preview of an instance of a backup, what must be confirmed, and the questions in
// words, for one instance and for a whole backup. Pure.

import { Refusal } from '../../base/refusal.ts'
import { counted, keysAndObjects } from '../../base/text/counted.ts'
import type { ExportedActs } from '../../core/backup/later.ts'
import type { Manifest } from '../../core/backup/manifest.ts'
import type { TrustSnapshot } from '../../core/trust/rows.ts'
import { plain } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import type { Output } from '../../doors/http/route.ts'
import type { Confirmation, restoreRoutes } from './routes.ts'
import type { BackupRestoreRequest, InstanceInBackup } from './source.ts'

export type BackupPreview = Output<typeof restoreRoutes.previewInstanceRestore>

/** `here`: the trust of this server. */
export function previewOf(
  inBackup: InstanceInBackup,
  here: Pick<TrustSnapshot, 'tables' | 'macs'>,
): BackupPreview {
  const { manifest, instance, objects, later, closingsKnown } = inBackup
  const { id, serverId, created } = manifest
  const { name, custody, rootKeyUri: rootKey } = instance
  const gone = later.instancesGone.get(instance.id)
  return {
    backup: { id, serverId, created: new Date(created).toISOString() },
    instance: { id: instance.id, name, custody, rootKey, objects },
    gone: gone ? { at: new Date(gone.atMs).toISOString(), shredded: gone.shredded } : null,
    closingsKnown,
    clients: clientsOf(inBackup, here),
    needed: neededFor(inBackup),
  }
}

/** Throws Refusal. */
export function requireConfirmed(
  inBackup: InstanceInBackup,
  { clients, confirmed }: BackupRestoreRequest,
): void {
  const unknown = clients.find((id) => inBackup.clients.every((client) => client.id !== id))
  if (unknown !== undefined)
    throw new Refusal(
      'bad-request',
      `the backup has no client ${unknown} of this instance`,
      'Name them by the ids that the preview has.',
    )
  for (const needed of neededFor(inBackup)) {
    if (confirmed.includes(needed)) continue
    throw new Refusal('refused', unconfirmed[needed], `Say so in the field confirmed: ${needed}.`)
  }
}

const unconfirmed: Record<Confirmation, string> = {
  shredded: 'a manager shredded the keys of this instance here, so that they could never be opened again',
  'closings-unknown':
    'this server does not know what was revoked or destroyed after the backup: such keys are open again',
}

function neededFor({ instance, later, closingsKnown }: InstanceInBackup): Confirmation[] {
  return [
    ...(later.instancesGone.get(instance.id)?.shredded === true ? (['shredded'] as const) : []),
    ...(closingsKnown ? [] : (['closings-unknown'] as const)),
  ]
}

function clientsOf(
  { clients, blocks }: Pick<InstanceInBackup, 'clients' | 'blocks'>,
  { tables, macs }: Pick<TrustSnapshot, 'tables' | 'macs'>,
): BackupPreview['clients'] {
  return clients.map(({ id, name, certificates, authorities, removed, withdrawn }) => {
    const gone = [...certificates, ...authorities].filter((one) => withdrawn.has(one.id))
    const leftOut = [
      ...(removed ? ['it was removed after the backup'] : []),
      ...gone.map((one) => `${one.id} was removed after the backup`),
      ...certificates.filter((one) => macs.has(`block/${one.id}`)).map((one) => `${one.id} is blocked here`),
      ...certificates
        .filter((one) => blocks.some(({ id: blocked }) => blocked === one.id))
        .map((one) => `${one.id} is blocked in the backup`),
      ...certificates
        .filter((one) => tables.certificate.has(one.id))
        .map((one) => `${one.id} belongs to another client here`),
    ]
    return {
      id,
      name,
      certificates: certificates.map((one) => one.id),
      authorities: authorities.map((one) => ({ id: one.id, subject: one.subject })),
      leftOut,
    }
  })
}

export function instanceText({ backup, instance }: BackupPreview): string {
  return plain`The instance ${instance.name} (${instance.id}) with ${keysAndObjects(instance.objects)}, of the backup of ${shortTime(backup.created)}.\n`
}

export function instanceQuestion(
  { gone, needed, clients, backup }: BackupPreview,
  withClients: boolean,
): string {
  const shredded =
    needed.includes('shredded') && gone
      ? plain`Its keys were SHREDDED here at ${shortTime(gone.at)}, so that they could never be opened again. Restored, they open again.\n`
      : ''
  const open = needed.includes('closings-unknown')
    ? plain`This server does not know what happened since ${shortTime(backup.created)}: ${openAgain('keys')}\n`
    : ''
  const trusted = withClients && clients.length > 0 ? trustText(clients, needed) : ''
  return shredded + open + trusted
}

function trustText(clients: BackupPreview['clients'], needed: BackupPreview['needed']): string {
  const lines = clients.map(({ name, certificates, authorities, leftOut }) => {
    const cas = authorities.map(({ subject }) => `CA for ${subject}`)
    const why = leftOut.map((one) => plain`\n      not: ${one}`).join('')
    return plain`  ${name}: ${[...certificates, ...cas].join(', ') || 'no certificate'}` + why
  })
  const unknown = needed.includes('closings-unknown')
    ? ' Trust in them may have been withdrawn since, which this server does not know.'
    : ''
  return `These clients are trusted again and get its keys.${unknown}\n${lines.join('\n')}\n`
}

/** The question before a whole backup is restored. `later`: the acts of an audit export that has lost some; null: none was given. */
export function wholeBackupQuestion(
  { created, instances }: Manifest,
  clients: readonly string[],
  later: ExportedActs | null,
): string {
  const inDatabase = instances.filter(({ custody }) => custody === 'database').map(({ name }) => name)
  const keys = inDatabase.length === 0 ? '' : `${openAgain(`Keys of ${inDatabase.join(', ')}`)} `
  const restored =
    `This backup was made at ${created}. ${keys}Clients that were removed since are trusted again; it trusts: ` +
    `${clients.join(', ') || 'none'}.\n`
  if (!later)
    return `${restored}An audit export of the last server says what was closed since (--audit FILE). Type yes to restore without one: `
  return (
    `${restored}So it is for what ${counted(later.pruned, 'entry after the backup said, which was', 'entries after the backup said, which were')} pruned from the log before the audit export ` +
    'was made. The rest of the export is applied. Type yes to restore: '
  )
}

function openAgain(keys: string): string {
  return `${keys} that were revoked or destroyed since are open again.`
}
