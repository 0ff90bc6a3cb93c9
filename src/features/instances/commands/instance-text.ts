// An instance as text.

import { counted } from '../../../base/text/counted.ts'
import type { Output } from '../../../doors/http/route.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import type { CommandPlugs } from '../../../doors/cli/plugs.ts'
import { countsText, durationText, graceText, largeSizeText } from '../../../doors/cli/text/amounts.ts'
import { facts } from '../../../doors/cli/text/output.ts'
import { shortTime } from '../../../doors/cli/text/time.ts'
import type { instanceRoutes } from '../routes.ts'

type Shown = Output<typeof instanceRoutes.setInstance>
type Facts = readonly (readonly [string, string])[]
type Details = Output<typeof instanceRoutes.showInstance>
export type ShownInstanceWork = Output<typeof instanceRoutes.rewrapInstance>['work']

/** The settings of an instance, and `more` below in the same columns. */
export function instanceFacts(instance: Shown, more: Facts = []): string {
  return facts([
    ['Name', instance.name],
    ['Id', instance.id],
    ...closedFacts(instance),
    ['Custody', instance.custody],
    ['Root key', instance.rootKey],
    ...apiKeyFacts(instance),
    [
      'Cache',
      `${instance.cacheSeconds} s, and ${instance.outageSeconds} s more while the root key cannot be reached`,
    ],
    ['Expired certificates', graceText(instance.expiredGraceDays)],
    [
      'May hold',
      `${counted(instance.objectsMax, 'object')}, ${largeSizeText(instance.bytesMax)} in the database`,
    ],
    ['Destroyed keys', delayText(instance)],
    ['Names', instance.names === 'shared' ? 'several keys may share one' : 'unique among its keys'],
    [
      'Restrictions',
      instance.restrictions === 'one-way' ? 'no client takes them back' : 'clients change them as they like',
    ],
    ...wrappingFacts(instance),
    [
      'Lengths',
      instance.lengths === 'as-sent' ? 'registered keys may have others than they state' : 'as stated',
    ],
    ...(instance.legacyWrap
      ? [['Legacy wrap', 'yes: keys leave wrapped by RSA PKCS #1 v1.5 where a client asks'] as const]
      : []),
    ...rulesFacts(instance),
    ['Portable', instance.portable ? 'yes: its keys may be exported' : 'no'],
    ['Created', shortTime(instance.created)],
    ...more,
  ])
}

function closedFacts({ name, closed }: Shown): Facts {
  if (!closed) return []
  const open = closed.withServer ? 'server open' : `instance open ${shellWord(name)}`
  return [
    ['CLOSED', `since ${shortTime(closed.at)}, by ${closed.by}: ${closed.reason}`],
    ['', `mortise ${open}`],
  ]
}

function wrappingFacts({ restrictions, wrappingKeys }: Shown): Facts {
  const ids = wrappingKeys.filter(({ wraps }) => wraps).map(({ id }) => id)
  if (ids.length === 0)
    return restrictions === 'one-way' ? [['Wrapping keys', 'none: no Sensitive key leaves']] : []
  return ids.map((id, at) => [at === 0 ? 'Wrapping keys' : '', id])
}

/** Only where clients set some: an operator whose new key is refused finds out why. */
function rulesFacts({ name, rules: { defaults, constraints } }: Shown): Facts {
  if (defaults + constraints === 0) return []
  return [
    [
      'Rules',
      `its clients set ${counted(defaults, 'default')} and ${counted(constraints, 'constraint')} for new objects:`,
    ],
    ['', `mortise instance ${constraints > 0 ? 'constraints' : 'defaults'} ${shellWord(name)}`],
  ]
}

function delayText({ destroyDelaySeconds }: Shown): string {
  if (destroyDelaySeconds === 0) return 'are gone for good at once'
  return `can be brought back for ${durationText(destroyDelaySeconds)}; then they are gone for good`
}

function apiKeyFacts({ ibmApiKeySource }: Shown): Facts {
  if (ibmApiKeySource === 'none') return []
  return [['API key', ibmApiKeySource === 'instance' ? 'its own' : "the server's"]]
}

function usedText({ limits: { objects, bytes } }: Details): string {
  const percent = Math.floor(Math.max(objects.used / objects.max, bytes.used / bytes.max) * 100)
  return `${objects.used} of ${counted(objects.max, 'object')}, ${largeSizeText(bytes.used)} of ${largeSizeText(bytes.max)} (${percent} %)`
}

/** Everything about one instance. */
export function instanceDetails(instance: Details, upstreamRows: CommandPlugs['upstream']['rows']): string {
  return instanceFacts(instance, [
    ['Objects', countsText(instance.objects)],
    ...recoverableFacts(instance),
    ['Clients', String(instance.clients)],
    ['Used', usedText(instance)],
    ...endFacts(instance),
    ...(instance.upstream ? upstreamRows(instance.upstream) : []),
    ...revocationFacts(instance),
    ...versionFacts(instance),
    ...notRecoverableFacts(instance),
    ...(instance.work ? workFacts(instance, instance.work) : []),
  ])
}

function recoverableFacts({ name, recoverable: { count, firstUntil, lastUntil } }: Details): Facts {
  if (count === 0) return []
  const when = `until ${shortTime(firstUntil)}${firstUntil === lastUntil ? '' : `, the last until ${shortTime(lastUntil)}`}`
  return [
    ['Recoverable', `${counted(count, 'destroyed key')} can be brought back ${when}:`],
    ['', `mortise key list --instance ${shellWord(name)} --recoverable`],
  ]
}

/** Long work on the instance: what, from where to where, how far, and why it does not continue. */
export function workFacts({ rootKey, custody }: Shown, work: ShownInstanceWork): Facts {
  const { kind, from, started, done, total, trouble, node } = work
  const counts = done === null || total === null ? '' : `, ${done} of ${total} done`
  const far = node === null ? counts : `, by the node ${node}, which knows how far it is`
  const way: Facts = [
    ['From', `${from.rootKey} (custody ${from.custody})`],
    ['To', `${rootKey} (custody ${custody})`],
  ]
  return [
    ['Being', `${kind === 'move' ? 'moved' : 'rewrapped'} since ${shortTime(started)}${far}`],
    ...(kind === 'move' ? way : []),
    ...(trouble === null ? [] : [['Trouble', `${trouble}. The server tries again by itself`] as const]),
  ]
}

function endFacts({ rootKeyEnds }: Details): Facts {
  if (!rootKeyEnds) return []
  const { severity, message, action } = rootKeyEnds
  return [
    ['Root key ends', `${severity.toUpperCase()}: ${message}`],
    ['', action],
  ]
}

function revocationFacts({ revocation }: Details): Facts {
  const { withinSeconds, unreachableSeconds, ofSingleKeys } = revocation
  const what = ofSingleKeys
    ? 'its root key was disabled, or it was deleted there'
    : 'its root key was disabled'
  return [
    ['Revocation', `a key is handed out at most ${withinSeconds} s after ${what}`],
    ['Outage', `and at most ${unreachableSeconds} s after a root key last answered that cannot be reached`],
  ]
}

function versionFacts({ keyVersions, countedAs, work }: Details): Facts {
  const other = work?.kind === 'move' ? ', an older one or of the root key before' : ', an older one'
  return keyVersions.map(({ version, newest, count }) => {
    const which = version === '' || newest === null ? '' : newest ? ', the newest' : other
    return [
      'Root key version',
      `${version === '' ? 'unknown' : version}${which}: ${counted(count, countedAs)}`,
    ]
  })
}

/** Longer lists are shown with --json only. */
const namedMax = 5

function notRecoverableFacts({ name, work, notRecoverable: { count, ids } }: Details): Facts {
  if (count === 0) return []
  // Until the move ends, it is open which of them stay in the database.
  if (work?.kind === 'move')
    return [
      ['Not recoverable', `${counted(count, 'key')} so far: Key Protect alone does not bring back what lies`],
      ['', 'in the database: what is not moved yet, and what is empty or too large for the root key'],
    ]
  const left = count - Math.min(count, namedMax)
  const all = count > ids.length ? `the first ${ids.length}` : 'all'
  return [
    ['Not recoverable', `${counted(count, 'key')}, empty or too large for the root key: in the database,`],
    ['', 'and Key Protect alone does not bring back:'],
    ...ids.slice(0, namedMax).map((id) => ['', id] as const),
    ...(left > 0
      ? [['', `and ${left} more (${all}: mortise instance show ${shellWord(name)} --json)`] as const]
      : []),
  ]
}
