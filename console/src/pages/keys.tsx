// All keys of an instance, searched and paged on the server: by machine, state and age.

import { Fragment } from 'preact'
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Answer } from '../api.ts'
import { useAsk } from '../ask.ts'
import { Choice } from '../parts/field.tsx'
import { InstanceChoice, useInstance, type Instances } from '../parts/instance-choice.tsx'
import { Paged, usePages } from '../parts/pages.tsx'
import { Say } from '../parts/say.tsx'
import { Table } from '../parts/table.tsx'
import { Time } from '../parts/time.tsx'
import { addressOf, pathTo, useFilters } from '../place.ts'
import { counted, numberText } from '../parts/counted.ts'
import { serverNowMs } from '../server-time.ts'

export type ListedKey = Answer<'listKeys'>['keys'][number]

const states = [
  'PreActive',
  'Active',
  'Deactivated',
  'Compromised',
  'Destroyed',
  'DestroyedCompromised',
] as const
type State = (typeof states)[number]
/** The choice of those that are destroyed and can be brought back. */
export const recoverable = 'recoverable'
const dayMs = 24 * 3600_000
/** The limits by time that the list can have, and the query of each. */
const ages: Readonly<
  Record<string, { readonly text: string; readonly days: number; readonly query: string }>
> = {
  'created-7': { text: 'created within 7 days', days: 7, query: 'createdSince' },
  'created-old-365': { text: 'created more than a year ago', days: 365, query: 'createdUntil' },
  'fetched-7': { text: 'fetched within 7 days', days: 7, query: 'fetchedSince' },
  'not-fetched-90': { text: 'not fetched for 90 days', days: 90, query: 'notFetchedSince' },
}

/** The machine or name that a key is known by, for people. */
export function knownAs({
  usedBy,
  vsphere,
  name,
}: Pick<ListedKey, 'usedBy' | 'vsphere' | 'name'>): string | null {
  return usedBy?.first[0]?.name ?? vsphere.name ?? name ?? vsphere.component
}

export function Keys() {
  const { filters, set } = useFilters()
  const chosen = useInstance()
  const { instance } = chosen
  const { contains, state, age } = filters
  const limit = age === undefined ? undefined : ages[age]
  // To the day: the question stays the same while the page is read.
  const day = limit && new Date(Math.floor(serverNowMs() / dayMs) * dayMs - limit.days * dayMs).toISOString()
  const pages = usePages(
    instance === undefined ? null : 'listKeys',
    {
      instance: instance ?? '',
      query: {
        ...(contains !== undefined && { contains }),
        ...(states.includes(state as State) && { state: state as State }),
        ...(state === recoverable && { recoverable: 'true' }),
        ...(limit && { [limit.query]: day }),
      },
    },
    ({ keys }) => keys,
  )
  const shown = useAsk(instance === undefined ? null : 'showInstance', { instance: instance ?? '' })
  const isWhole = contains === undefined && age === undefined && state !== recoverable
  const total = isWhole && shown.data ? totalOf(shown.data.objects, state) : undefined
  return (
    <>
      <h1>Keys</h1>
      <form class="filters" aria-label="Which ones" onSubmit={(event) => event.preventDefault()}>
        <InstanceChoice {...chosen} />
        <Search text={contains ?? ''} onSearch={(text) => set({ contains: text })} />
        <Choice
          label="State"
          value={state}
          none="all but destroyed"
          options={[
            ...states.map((value) => [value, value] as const),
            [recoverable, 'destroyed, can be brought back'],
          ]}
          onChoose={(value) => set({ state: value })}
        />
        <Choice
          label="Age and use"
          value={age}
          none="any"
          options={Object.entries(ages).map(([value, { text }]) => [value, text])}
          onChoose={(value) => set({ age: value })}
        />
      </form>
      {instance !== undefined && (
        <Paged pages={pages} none={<NoKey {...chosen} />}>
          {(keys) => (
            <Table
              caption={`${counted(keys.length, 'key')}${pages.hasMore ? soFar(total) : ''}, newest first`}
              heads={['For', 'State', 'Type', 'Created', 'Last fetched']}
            >
              {keys.map((key) => (
                <Row key={key.id} listed={key} instance={instance ?? ''} />
              ))}
            </Table>
          )}
        </Paged>
      )}
    </>
  )
}

/** The reader looks for a machine, and need not know in which instance its key is. */
function NoKey({ instance, instances }: Instances) {
  const { filters } = useFilters()
  const others = instances.filter(({ id, name }) => id !== instance && name !== instance)
  if (others.length === 0) return <>No key fits.</>
  return (
    <>
      No key of this instance fits. The same in{' '}
      {others.map(({ id, name }, index) => (
        <Fragment key={id}>
          {index > 0 && ', '}
          <a href={addressOf('/keys', { ...filters, instance: id })}>
            <Say text={name} />
          </a>
        </Fragment>
      ))}
    </>
  )
}

/** `total`: of all that there are, where it is known. */
function soFar(total: number | undefined): string {
  return total === undefined ? ' so far' : ` so far, of ${numberText(total)}`
}

/** How many keys there are in this state; in none: all but those that are destroyed. */
function totalOf(objects: Readonly<Record<string, number>>, state: string | undefined): number {
  return Object.entries(objects)
    .filter(([one]) => (state === undefined ? !one.startsWith('Destroyed') : one === state))
    .reduce((sum, [, count]) => sum + count, 0)
}

function Row({ listed, instance }: { readonly listed: ListedKey; readonly instance: string }) {
  const { id, state, objectType, algorithm, length, created, lastFetched, usedBy } = listed
  const others = (usedBy?.machines ?? 0) - 1
  return (
    <tr>
      <th scope="row">
        <a href={pathTo('keys', instance, id)}>
          <Say text={knownAs(listed)} none="not known" />
          {others > 0 && ` and ${others} more`}
        </a>
        <br />
        <small>
          <code>{id}</code>
        </small>
      </th>
      <td>
        <span class={`state ${state === 'Active' ? 'good' : ''}`}>{state}</span>
      </td>
      <td>
        {objectType}
        {algorithm !== null && `, ${algorithm}`}
        {length !== null && ` ${length}`}
      </td>
      <td>
        <Time at={created} />
      </td>
      <td>
        <Time at={lastFetched} />
      </td>
    </tr>
  )
}

const searchAfterMs = 300

/** Searches a moment after the last letter, and at once on Enter. */
function Search({ text, onSearch }: { readonly text: string; readonly onSearch: (text: string) => void }) {
  const [typed, setTyped] = useState(text)
  const searched = useRef(text)
  const id = useId()
  const search = (): void => {
    searched.current = typed
    onSearch(typed)
  }
  // What was typed since its own search stays.
  useLayoutEffect(() => {
    if (text !== searched.current) setTyped(text)
    searched.current = text
  }, [text])
  // At once: a search for letters that are gone must not begin before the browser draws.
  useLayoutEffect(() => {
    if (typed === text) return undefined
    const timer = window.setTimeout(search, searchAfterMs)
    return () => window.clearTimeout(timer)
  }, [typed])
  return (
    <div>
      <label for={id}>Machine, name or identifier</label>
      <input
        id={id}
        type="search"
        value={typed}
        placeholder="any part of it"
        onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        onKeyDown={({ key }) => {
          if (key === 'Enter') search()
        }}
      />
    </div>
  )
}
