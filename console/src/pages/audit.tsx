// The audit log: searched, filtered, followed live, exported, and proved.

import { useId, useLayoutEffect, useState } from 'preact/hooks'
import { useAsk } from '../ask.ts'
import { InstanceChoice } from '../parts/instance-choice.tsx'
import { Paged, usePages } from '../parts/pages.tsx'
import { Say } from '../parts/say.tsx'
import { Switch } from '../parts/switch.tsx'
import { Table } from '../parts/table.tsx'
import { Time } from '../parts/time.tsx'
import { TimeFilter } from '../parts/time-filter.tsx'
import { pathTo, useFilters } from '../place.ts'
import { useWho } from '../session.tsx'
import { counted } from '../parts/counted.ts'
import { actorOf, type AuditEntry } from './audit-entry.tsx'
import { useFollowed } from './follow-audit.ts'
import { actions, actionWords } from './action-words.ts'
import { AuditExport, type AuditQuery } from './audit-export.tsx'
import { Choice } from '../parts/field.tsx'

const textFilters = [
  ['objectName', 'Machine, key, client or token', 'its whole name'],
  ['client', 'Done by the client', 'name or id'],
] as const
const moreFilters = [
  ['token', 'Done with the token', 'name or id'],
  ['person', 'Done by the person', 'name or whole id'],
  ['address', 'From the address', '192.0.2.7'],
  ['object', 'Identifier of the key', 'whole'],
  ['requestId', 'Request', 'whole'],
] as const
const filterNames = [
  'action',
  'result',
  ...[...textFilters, ...moreFilters].map(([name]) => name),
  'since',
  'until',
]
const actionOptions = actions.map((action) => [action, `${action}: ${actionWords(action) ?? ''}`] as const)
const timeFilters = [
  ['since', 'From'],
  ['until', 'To'],
] as const

export function Audit() {
  const who = useWho()
  const { filters, set } = useFilters()
  const [isFollowed, setFollowed] = useState(false)
  const query = Object.fromEntries(
    filterNames
      .map((name) => [name, filters[name]])
      .filter(([, value]) => value !== undefined && value !== ''),
  ) as AuditQuery
  const instance = filters['instance'] ?? who.instance?.id
  const instances = useAsk('listInstances')
  const ofInstance = usePages(
    instance === undefined ? null : 'listInstanceAudit',
    { instance: instance ?? '', query },
    entriesOf,
  )
  const ofServer = usePages(instance === undefined ? 'listAudit' : null, { query }, entriesOf)
  const pages = useFollowed(instance === undefined ? ofServer : ofInstance, { isFollowed, instance, query })
  const asTextFilter = ([name, label, example]: readonly [string, string, string]) => (
    <TextFilter
      key={name}
      label={label}
      example={example}
      value={filters[name] ?? ''}
      onChange={(value) => set({ [name]: value })}
    />
  )
  return (
    <>
      <h1>Audit</h1>
      <p>
        Everything that clients, administrators and the server did, each entry chained to the one before.{' '}
        <a href="/audit/prove">Prove that it was not changed</a>
      </p>
      <form class="filters" aria-label="Which ones" onSubmit={(event) => event.preventDefault()}>
        <InstanceChoice
          instance={instance}
          instances={instances.data ?? []}
          asked={instances}
          none="all, and the server"
        />
        <Choice
          label="What"
          value={filters['action']}
          none="anything"
          options={actionOptions}
          onChoose={(value) => set({ action: value })}
        />
        {textFilters.map(asTextFilter)}
        {timeFilters.map(([name, label]) => (
          <TimeFilter
            key={name}
            label={label}
            value={filters[name]}
            onChange={(value) => set({ [name]: value })}
          />
        ))}
        <Choice
          label="Result"
          value={filters['result']}
          none="any"
          options={[
            ['success', 'success'],
            ['refused', 'refused'],
            ['undone', 'undone'],
          ]}
          onChoose={(value) => set({ result: value })}
        />
        <details open={moreFilters.some(([name]) => filters[name] !== undefined)}>
          <summary>More filters</summary>
          <div>{moreFilters.map(asTextFilter)}</div>
        </details>
      </form>
      <Switch
        isOn={isFollowed}
        onChange={(isOn) => {
          setFollowed(isOn)
          // What came meanwhile would go.
          if (!isOn) pages.restart()
        }}
      >
        Follow: look for new entries every two seconds
      </Switch>
      {/* It goes on while the filters change. */}
      <AuditExport instance={instance} query={query} />
      <Paged pages={pages} none="No entry fits.">
        {(entries) => <Entries entries={entries} hasMore={pages.hasMore} />}
      </Paged>
    </>
  )
}

function entriesOf({ entries }: { readonly entries: readonly AuditEntry[] }): readonly AuditEntry[] {
  return entries
}

function Entries({
  entries,
  hasMore,
}: {
  readonly entries: readonly AuditEntry[]
  readonly hasMore: boolean
}) {
  return (
    <Table
      caption={`${counted(entries.length, 'entry', 'entries')}${hasMore ? ' so far' : ''}, newest first`}
      heads={['When', 'Who', 'What', 'Object', 'Result']}
    >
      {entries.map((entry) => (
        <tr key={entry.hash}>
          <td>
            <Time at={entry.at} />
          </td>
          <td>{actorOf(entry)}</td>
          <td>
            {actionWords(entry.action) ?? <code>{entry.action}</code>}
            <Details entry={entry} />
          </td>
          <td>
            {entry.object !== null && entry.instanceId !== null && entry.action.startsWith('key.') ? (
              <a href={pathTo('keys', entry.instanceId, entry.object)}>
                <Say text={entry.object} />
              </a>
            ) : (
              <Say text={entry.object} />
            )}
          </td>
          <td>
            <span class={`state ${entry.result === 'success' ? 'good' : 'look'}`}>{entry.result}</span>
            {entry.reason !== null && (
              <>
                {' '}
                <Say text={entry.reason} />
              </>
            )}
            {typeof entry.detail?.['refusals'] === 'number' &&
              `, ${counted(entry.detail['refusals'], 'time')}`}
          </td>
        </tr>
      ))}
    </Table>
  )
}

function Details({ entry: { action, detail, requestId, actor } }: { readonly entry: AuditEntry }) {
  return (
    <details>
      <summary>Details</summary>
      <code>{action}</code>
      {detail !== null && (
        <div>
          <Say text={JSON.stringify(detail)} />
        </div>
      )}
      {actor.id !== null && (
        <div>
          By <Say text={actor.id} />
        </div>
      )}
      {actor.certificateSha256 !== null && (
        <div>
          With the certificate <code>{actor.certificateSha256}</code>
        </div>
      )}
      {requestId !== null && (
        <div>
          Request <code>{requestId}</code>
        </div>
      )}
    </details>
  )
}

/** Asks when the field is left or Enter is pressed: the server looks for whole names. */
function TextFilter({
  label,
  example,
  value,
  onChange,
}: {
  readonly label: string
  readonly example: string
  readonly value: string
  readonly onChange: (value: string) => void
}) {
  const [typed, setTyped] = useState(value)
  const id = useId()
  useLayoutEffect(() => setTyped(value), [value])
  return (
    <div>
      <label for={id}>{label}</label>
      <input
        id={id}
        value={typed}
        placeholder={example}
        autocomplete="off"
        onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        onChange={({ currentTarget }) => onChange(currentTarget.value.trim())}
      />
    </div>
  )
}
