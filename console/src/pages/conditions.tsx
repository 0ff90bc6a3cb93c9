// Lists what needs attention, the most severe first: what is wrong, what to do, and the page where that can be done.

import { useState } from 'preact/hooks'
import { numberText } from '../parts/counted.ts'
import { Say } from '../parts/say.tsx'
import { addressOf, pathTo } from '../place.ts'
import { recoverable } from './keys.tsx'
import { foldConditions } from './fold-conditions.ts'
import type { Status } from './sentence.ts'

type Condition = Status['conditions'][number]

interface Remedy {
  readonly path: string
  readonly text: string
  /** The filters of that page. */
  readonly query?: Readonly<Record<string, string>>
}

/** By the condition's id; the others are for the machine of the server or for vCenter, not for a page. */
const remedies: Readonly<Record<string, Remedy>> = {
  'pending-clients': { path: '/connect', text: 'Compare its fingerprint and trust it' },
  'root-key-not-copied': { path: '/settings/root-keys', text: 'Record that a copy is kept elsewhere' },
  'root-key-withdrawn': { path: '/settings/root-keys', text: 'Look at the root keys' },
  'root-key-unreachable': { path: '/settings/root-keys', text: 'Look at the root keys' },
  'root-key-failing': { path: '/settings/root-keys', text: 'Look at the root keys' },
  'root-key-slow': { path: '/settings/root-keys', text: 'Look at the root keys' },
  'hpcs-ends': { path: '/settings/root-keys', text: 'Move to another root key' },
  'backup-failed': { path: '/settings/backups', text: 'Make a backup' },
  'backup-too-old': { path: '/settings/backups', text: 'Make a backup' },
  'backup-unverified': { path: '/settings/backups', text: 'Look at the backups' },
  'certificate-switch': { path: '/settings/server-certificate', text: 'Look at the next certificate' },
  'bootstrap-token': { path: '/settings/tokens', text: 'Create a token for each person' },
  'token-expires': { path: '/settings/tokens', text: 'Look at the tokens' },
  'token-recovered': { path: '/settings/tokens', text: 'Look at the tokens' },
  'token-unused': { path: '/settings/tokens', text: 'Look at the tokens' },
  'approval-waits': { path: '/settings/approvals', text: 'Approve or refuse it' },
  'approval-alone': { path: '/settings/tokens', text: 'Create a token for each person' },
  'approval-changed': { path: '/settings/approvals', text: 'Look at the acts' },
  'keys-recoverable': {
    path: '/keys',
    text: 'See which ones, and bring them back',
    query: { state: recoverable },
  },
  'upstream-off': { path: '/settings/adoption', text: 'Look at the upstream' },
  'upstream-not-answering': { path: '/settings/adoption', text: 'Look at the upstream' },
  'upstream-long': { path: '/settings/adoption', text: 'Look at the upstream' },
  'upstream-key-not-adopted': { path: '/settings/adoption', text: 'See which key, and why' },
  'audit-not-exported': { path: '/audit', text: 'Save the whole log' },
  'audit-beyond-retention': { path: '/audit', text: 'Save the whole log' },
}

/** Certificates expire that clients show, each of an instance, and those of the server. */
function remedyOf({ id, instance }: Condition): Remedy | undefined {
  if (id === 'near-limit' && instance !== null)
    return { path: pathTo('settings', 'instances', instance), text: 'Look at the limits' }
  if (id !== 'certificate-expires' && id !== 'certificate-expired') return remedies[id]
  if (instance !== null) return { path: '/clients', text: 'Look at the clients' }
  return { path: '/settings/server-certificate', text: "Look at the server's certificates" }
}

export function Conditions({ conditions }: { readonly conditions: readonly Condition[] }) {
  if (conditions.length === 0) return null
  return (
    <section aria-labelledby="conditions">
      <h2 id="conditions">What needs attention</h2>
      <ul class="conditions">
        {foldConditions(conditions, (one) => remedyOf(one)?.path).map(([condition, ...others]) => (
          <One
            key={`${condition.id} ${condition.instance ?? ''} ${condition.message}`}
            condition={condition}
            others={others}
          />
        ))}
      </ul>
    </section>
  )
}

const tones: Readonly<Record<string, string>> = { critical: 'bad', warning: 'look' }

function One({
  condition,
  others,
}: {
  readonly condition: Condition
  /** The same is so of these. */
  readonly others: readonly Condition[]
}) {
  const { severity, action } = condition
  const remedy = remedyOf(condition)
  const isOfOne = others.every((other) => other.instance === condition.instance)
  const instance = isOfOne ? condition.instance : null
  return (
    <li class={severity}>
      <p>
        <span class={`state severity ${tones[severity] ?? ''}`}>{severity}</span>{' '}
        <What condition={condition} />
      </p>
      {others.length > 0 && <Others others={others} />}
      <p>
        <Say text={action} />
      </p>
      {remedy && (
        <p>
          <a href={addressOf(remedy.path, { ...remedy.query, ...(instance !== null && { instance }) })}>
            {remedy.text}
          </a>
        </p>
      )}
    </li>
  )
}

function What({ condition: { message, instance } }: { readonly condition: Condition }) {
  return (
    <>
      <strong>
        <Say text={message} />
      </strong>
      {instance !== null && (
        <>
          {' in '}
          <Say text={instance} />
        </>
      )}
    </>
  )
}

/** Drawn once somebody looks: there may be thousands. */
function Others({ others }: { readonly others: readonly Condition[] }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>And {numberText(others.length)} more of this kind</summary>
      {isOpen && (
        <ul>
          {others.map((one) => (
            <li key={`${one.instance ?? ''} ${one.message}`}>
              <What condition={one} />
            </li>
          ))}
        </ul>
      )}
    </details>
  )
}
