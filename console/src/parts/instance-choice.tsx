// Which instance a page is about: the one in the address, or the only one there is.

import { useAsk, type Asked } from '../ask.ts'
import { useFilters } from '../place.ts'
import { useWho } from '../session.tsx'
import { Problem } from './answer.tsx'
import { Choice } from './field.tsx'

export interface Instances {
  /** The id; undefined while it is not known yet. */
  readonly instance: string | undefined
  /** All that the reader may see. */
  readonly instances: readonly { readonly id: string; readonly name: string }[]
  /** How the server was asked for them. */
  readonly asked?: Asked<unknown>
}

export function useInstance(): Instances {
  const { filters } = useFilters()
  const who = useWho()
  const asked = useAsk('listInstances')
  const instances = asked.data ?? []
  const instance = filters['instance'] ?? who.instance?.id ?? instances[0]?.id
  return { instance, instances, asked }
}

export function InstanceChoice({
  instance,
  instances,
  asked,
  none,
}: Instances & {
  /** Says what it means to choose none; left out: one is always chosen. */
  readonly none?: string
}) {
  const { set } = useFilters()
  if (asked?.error) return <Problem error={asked.error} retry={asked.again} />
  if (asked && instance === undefined && none === undefined)
    return asked.data ? <None /> : <p aria-busy="true">Asking the server</p>
  if (instances.length < 2) return null
  return (
    <Choice
      label="Instance"
      value={instances.find(({ id, name }) => id === instance || name === instance)?.id}
      {...(none !== undefined && { none })}
      options={instances.map(({ id, name }) => [id, name])}
      onChoose={(chosen) => set({ instance: chosen })}
    />
  )
}

function None() {
  return (
    <p>
      There is no instance. <a href="/settings/instances">To the instances</a>
    </p>
  )
}
