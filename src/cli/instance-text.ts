// What people read of an instance.

import type { Output } from '../admin/api.ts'
import { facts, shortTime } from './output.ts'

type Shown = Output<'setInstance'>
type Details = Output<'showInstance'>
export type Work = Output<'setRootKey'>['work']

export function instanceFacts(instance: Shown): string {
  return facts([
    ['Name', instance.name],
    ['Id', instance.id],
    ['Custody', instance.custody],
    ['Root key', instance.rootKey],
    ...apiKeyFacts(instance),
    [
      'Cache',
      `${instance.cacheSeconds} s, and ${instance.outageSeconds} s more while the root key cannot be reached`,
    ],
    ['Expired certificates', `served for ${instance.expiredGraceDays} more days`],
    ['Portable', instance.portable ? 'yes: its keys may be exported' : 'no'],
    ['Created', shortTime(instance.created)],
  ])
}

function apiKeyFacts({ ibmApiKeySource }: Shown): readonly (readonly [string, string])[] {
  if (ibmApiKeySource === 'none') return []
  return [['API key', ibmApiKeySource === 'instance' ? 'its own' : "the server's"]]
}

export function countsText(objects: Readonly<Record<string, number>>): string {
  const counts = Object.entries(objects).map(([state, count]) => `${count} ${state}`)
  return counts.length === 0 ? 'none' : counts.join(', ')
}

/** All that is told of one. */
export function instanceDetails(instance: Details): string {
  return `${instanceFacts(instance)}${facts([
    ['Objects', countsText(instance.objects)],
    ['Clients', String(instance.clients)],
    ...revocationFacts(instance),
    ...versionFacts(instance),
    ...notRecoverableFacts(instance),
    ...(instance.work ? workFacts(instance.work) : []),
  ])}`
}

/** What is being done, how far it is, and why it does not go on. */
export function workFacts({ kind, from, started, done, total, trouble }: Work): Facts {
  const what = kind === 'rewrap' ? 'rewrapped' : `moved from ${from.rootKey} (custody ${from.custody})`
  const far = done === null || total === null ? '' : `, ${done} of ${total} done`
  return [
    ['Being', `${what} since ${shortTime(started)}${far}`],
    ...(trouble === null ? [] : [['Trouble', `${trouble}. The server tries again by itself`] as const]),
  ]
}

type Facts = readonly (readonly [string, string])[]

function revocationFacts({ revocation, custody }: Details): Facts {
  const { withinSeconds, unreachableSeconds } = revocation
  const what =
    custody === 'keyprotect'
      ? 'its root key was disabled, or it was deleted there'
      : 'its root key was disabled'
  return [
    ['Revocation', `a key is handed out at most ${withinSeconds} s after ${what}`],
    ['Outage', `and at most ${unreachableSeconds} s after a root key last answered that cannot be reached`],
  ]
}

function versionFacts({ keyVersions, custody }: Details): Facts {
  const what = custody === 'keyprotect' ? 'keys' : 'data keys'
  return keyVersions.map(({ version, newest, count }) => {
    const which = newest === null ? '' : newest ? ', the newest' : ', an older one'
    return ['Root key version', `${version === '' ? 'unknown' : version}${which}: ${count} ${what}`]
  })
}

function notRecoverableFacts({ notRecoverable: { count, ids } }: Details): Facts {
  if (count === 0) return []
  const more = count > ids.length ? ` and ${count - ids.length} more` : ''
  const why =
    'empty, or too large for the root key: they lie in the database, and Key Protect alone does not bring them back'
  return [['Not recoverable', `${count} (${why}): ${ids.join(', ')}${more}`]]
}
