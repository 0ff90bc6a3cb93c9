// The reports of restores, of their acceptance and of drills, as the commands print them, with the next steps. Pure.

import { counted, keysAndObjects } from '../../base/text/counted.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import { countsText } from '../../doors/cli/text/amounts.ts'
import { facts, namedList, plain, table } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import type { AcceptedNode, AcceptedRestore } from '../../core/server/anchor.ts'
import type { BackupDrill } from './drill.ts'
import type { Output } from '../../doors/http/route.ts'
import type { BackupReport, RestoredBackup } from './report.ts'
import type { restoreRoutes } from './routes.ts'

type KeyProtectReport = Exclude<Output<typeof restoreRoutes.showRestore>['report'], null>

export function wholeBackupText(restored: RestoredBackup, accept: string): string {
  const { created, instances, entries, clients, applied, beyond } = restored
  const first = facts([
    ['Backup of', shortTime(created)],
    [
      'Instances',
      instances.map(({ name, objects }) => `${name} (${keysAndObjects(objects)})`).join(', ') || 'none',
    ],
    ['Audit', counted(entries, 'entry', 'entries')],
    ['Clients', clients.join(', ') || 'none'],
  ])
  const since =
    applied === null
      ? 'What was revoked, destroyed or withdrawn after the backup is open again: no audit export was given.\n'
      : plain`Applied again from the audit export (${counted(applied.entries, 'entry', 'entries')} up to ${shortTime(applied.upTo) || 'the backup'}): ${counted(applied.revoked, 'key')} revoked, ${applied.destroyed} destroyed, ${applied.broughtBack} brought back, ${counted(applied.blocked, 'certificate')} blocked.\n`
  const lost =
    beyond === null
      ? ''
      : beyond.entries === 0
        ? plain`The checkpoint of ${shortTime(beyond.at)} names no audit entry that the backup lacks. What the server did after that time, it cannot say.\n`
        : plain`The server wrote ${counted(beyond.entries, 'audit entry', 'audit entries')} after the backup, up to ${shortTime(beyond.at)} at least: keys that it made then are not back.\n`
  return `The database was restored.\n${first}\n${since}${lost}${closedAndLost(restored)}${afterWholeBackup(restored, accept)}`
}

function closedAndLost({ keysLost, withdrawn, limited, rootKeysMissing }: RestoredBackup): string {
  return [
    list(
      'key was made after the backup and is lost',
      'keys were made after the backup and are lost',
      keysLost ?? [],
    ),
    list('is not trusted any more', 'are not trusted any more', withdrawn),
    list(
      'may ask for no more than it was allowed last',
      'may ask for no more than they were allowed last',
      limited,
    ),
    list(
      'root key file to bring into the data folder before you start',
      'root key files to bring into the data folder before you start',
      rootKeysMissing,
    ),
  ].join('')
}

function afterWholeBackup({ instances }: RestoredBackup, accept: string): string {
  const keyProtect = instances.some(({ custody }) => custody === 'keyprotect')
  const newer = keyProtect
    ? 'Instances with the custody keyprotect take from Key Protect what is newer there, once the server runs.\n'
    : ''
  return plain`
${newer}It serves nothing yet. See that the server before does not run any more, then:

  ${accept}

That ends all tokens and prints a new one.
`
}

export function keyProtectText(report: KeyProtectReport): string {
  const { instance, objects, opens } = report
  const counts = Object.entries(objects).map(([state, count]) => `${count} ${state}`)
  const first = facts([
    ['Instance', `${instance.name} (${instance.id})`],
    ['Objects', counts.length === 0 ? 'none' : counts.join(', ')],
    ['With their keys', String(opens)],
  ])
  return `The instance is back.\n${first}${states}${remarks(report).join('')}`
}

const states =
  '\nKeys that were not revoked are Active, with the Names that they were created with. What clients noted on them later is in a backup of the database alone.\n'

function remarks(report: KeyProtectReport): string[] {
  const { instance, formerName, deleted, elsewhere, unnamed, gone, ignored, movesFrom, leftFor, deletedAt } =
    report
  return [
    ...(movesFrom === null
      ? []
      : [
          plain`\nIt was on its way from ${movesFrom}, and goes on in the background: mortise instance show ${shellWord(instance.name)}\n`,
        ]),
    ...(formerName !== null && formerName !== instance.name
      ? [
          plain`\nIts name was ${formerName}. Names can be changed: mortise instance set ${shellWord(instance.name)} --name NAME\n`,
        ]
      : []),
    list(
      'was deleted in Key Protect and stays revoked. Restoring it there (within 30 days) makes it open again',
      'were deleted in Key Protect and stay revoked. Restoring them there (within 30 days) makes them open again',
      deleted.map(shownObject),
    ),
    ...(leftFor === null
      ? []
      : [
          plain`\nSince ${shortTime(leftFor.at)} it was on its way into the database, under ${leftFor.rootKey}. Keys that had been deleted here for that are lost with it, and among the deleted ones above.\n`,
        ]),
    list(
      'does not open: a root key that was not named sealed it',
      'do not open: a root key that was not named sealed them',
      elsewhere.map(shownObject),
    ),
    list(
      'lost this Name, which an object has that was made later',
      'lost these Names, which objects have that were made later',
      unnamed.map(shownObject),
    ),
    ...(deletedAt === null
      ? []
      : [
          plain`\nIt was deleted at ${shortTime(deletedAt)}, and its standard keys with it. What their owner restores in Key Protect within 30 days of that opens again: restore those first, then delete this instance and restore it again.\n`,
        ]),
    ...(gone === 0
      ? []
      : [
          `\n${counted(gone, 'key is', 'keys are')} not back: all that Key Protect had of ${gone === 1 ? 'it was deleted there, because it was destroyed' : 'them was deleted there, because they were destroyed'}, or by its owner.\n`,
        ]),
    list(
      'standard key was left as it is',
      'standard keys were left as they are',
      ignored.map(({ id, name, why }) => `${name} (${id}): ${why}`),
    ),
  ]
}

function shownObject({ id, name }: KeyProtectReport['deleted'][number]): string {
  return name === null ? id : `${id} (${name})`
}

export function afterKeyProtect({ instance }: KeyProtectReport): string {
  return plain`
Clients are not in Key Protect. For each vCenter:
  1. Let it meet this server, and trust its certificate here:
       mortise client pending
       mortise client trust --instance ${shellWord(instance.name)} --name vcenter-1 --pending SHA256
  2. In vCenter trust this server's certificate, which is another one than before:
       Configure > Security > Key Providers > Establish Trust > Make vCenter Trust KMS
The server that had the instance before must not come back beside this one.
`
}

export function backupText(report: BackupReport): string {
  const { instance, rootKey, objects, closedAgain, notOpening, lost, clients, leftOut } = report
  const first = facts([
    ['Instance', `${instance.name} (${instance.id})`],
    ['Root key', rootKey],
    ['Objects', countsText(objects)],
    ['Clients', clients.length === 0 ? 'none' : clients.join(', ')],
  ])
  const closed =
    closedAgain === 0
      ? ''
      : `\n${closedAgain === 1 ? '1 was' : `${closedAgain} were`} revoked or destroyed after the backup, and ${closedAgain === 1 ? 'stays' : 'stay'} so.\n`
  return `The instance is back.\n${first}${closed}${[
    namedList(
      notOpening,
      'does not open: its material is damaged in the backup',
      'do not open: their material is damaged in the backup',
    ),
    namedList(
      lost,
      'was made after the backup, and does not open: the backup has no key for it. A newer one may',
      'were made after the backup, and do not open: the backup has no key for them. A newer one may',
    ),
    list('is not trusted again', 'are not trusted again', leftOut),
  ].join('')}`
}

export function afterBackup({ instance, clients }: BackupReport, withClients: boolean): string {
  if (clients.length > 0) return ''
  return plain`
No client is trusted with it yet. For each vCenter:
  mortise client pending
  mortise client trust --instance ${shellWord(instance.name)} --name vcenter-1 --pending SHA256
${withClients ? '' : 'Or restore with --with-clients, which lists them and asks.\n'}`
}

export function acceptedText(accepted: AcceptedRestore, command: (words: string) => string): string {
  const { found, trustVersion, checkpoint, tokensRevoked, marksRemoved, token, tokenFile } = accepted
  const said = plain`${found === null ? 'Nothing was wrong.' : `Accepted: ${found}.`}

The server trusts what this database holds from now on, and nothing that a later copy of it held. Trust continues at version
${trustVersion}, the audit log at checkpoint ${checkpoint}. ${counted(tokensRevoked, 'token was', 'tokens were')} revoked. The only valid token now, a manager's, is in
${tokenFile}:

  ${token}
`
  const marks =
    marksRemoved === 0
      ? ''
      : plain`
${counted(marksRemoved, 'mark of a destroyed key was', 'marks of destroyed keys were')} removed: this server did not write ${marksRemoved === 1 ? 'it' : 'them'}, and the audit log knows no destruction.
`
  const next = plain`
Start the server (${command('serve')}). Then check which clients are trusted again, and which are not blocked any more:

  ${command('client list')}
  ${command('client blocks')}
`
  return said + marks + accepted.epochs.map(epochText).join('') + next
}

export function acceptedNodeText({ found, anchorFile }: AcceptedNode): string {
  return plain`Nothing more to accept: ${found}.

The anchor of this node was made again: ${anchorFile}. No token was revoked: the one that was made on the other node is
valid here too. For commands on this machine, copy admin-token from the data folder of that node. Then start this node.
`
}

function epochText({ instance, rootKey, cause }: AcceptedRestore['epochs'][number]): string {
  if (cause === null)
    return plain`
Beside ${rootKey} it is recorded that the keys of the
instance ${instance} belong to this database. A server that still runs on a newer one stores and deletes nothing there any more.
`
  return plain`
Not recorded yet beside ${rootKey} for the instance ${instance}:
${cause}.
The server records it there as soon as it can, and deletes nothing there before. Until then make sure that no server runs
on a newer copy of this database: it could still store and delete keys there.
`
}

export function drillText({ ok, created, instances, leftOut, failures }: BackupDrill): string {
  const verdict = ok
    ? plain`A server on the backup of ${shortTime(created)} serves: vCenter got each key that it asked for.\n`
    : plain`A server on the backup of ${shortTime(created)} does not serve all keys:\n`
  const rows = instances.map(({ name, keys, fetched }) => [name, String(keys), String(fetched)])
  const not =
    leftOut.length === 0
      ? ''
      : plain`Not tried, since their keys are at a root key's service or on the move: ${leftOut.join(', ')}\n`
  return `${verdict}${failures.map((failure) => plain`  ${failure}\n`).join('')}${table(['INSTANCE', 'KEYS', 'FETCHED'], rows)}${not}`
}

function list(one: string, several: string, named: readonly string[]): string {
  return namedList({ count: named.length, named }, one, several)
}
