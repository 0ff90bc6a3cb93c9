// Which instance a page is about: the one in the address, or the only one there is.

import { useId } from 'preact/hooks'
import { useAsk } from '../ask.ts'
import { useFilters } from '../place.ts'
import { useWho } from '../session.tsx'

/** The id of the instance; undefined while it is not known yet. */
export function useInstance(): {
  readonly instance: string | undefined
  readonly instances: readonly { readonly id: string; readonly name: string }[]
} {
  const { filters } = useFilters()
  const who = useWho()
  const asked = useAsk('listInstances')
  const instances = asked.data ?? []
  return { instance: filters['instance'] ?? who.instance?.id ?? instances[0]?.id, instances }
}

export function InstanceChoice({ clears = [] }: { readonly clears?: readonly string[] }) {
  const { instance, instances } = useInstance()
  const { set } = useFilters()
  const id = useId()
  if (instances.length < 2) return null
  return (
    <div>
      <label for={id}>Instance</label>
      <select
        id={id}
        value={instance}
        onChange={({ currentTarget }) =>
          set({
            instance: currentTarget.value,
            ...Object.fromEntries(clears.map((name) => [name, undefined])),
          })
        }
      >
        {instances.map(({ id: value, name }) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </div>
  )
}
