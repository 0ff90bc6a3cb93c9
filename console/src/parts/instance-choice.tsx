// Which instance a page is about: the one in the address, or the only one there is.

import { useAsk } from '../ask.ts'
import { useFilters } from '../place.ts'
import { useWho } from '../session.tsx'
import { Choice } from './field.tsx'

export interface Instances {
  /** The id; undefined while it is not known yet. */
  readonly instance: string | undefined
  /** All that the reader may see. */
  readonly instances: readonly { readonly id: string; readonly name: string }[]
}

export function useInstance(): Instances {
  const { filters } = useFilters()
  const who = useWho()
  const instances = useAsk('listInstances').data ?? []
  return { instance: filters['instance'] ?? who.instance?.id ?? instances[0]?.id, instances }
}

export function InstanceChoice({
  instance,
  instances,
  none,
}: Instances & {
  /** Says what it means to choose none; left out: one is always chosen. */
  readonly none?: string
}) {
  const { set } = useFilters()
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
