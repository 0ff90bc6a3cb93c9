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
  /** Why they are not known. */
  readonly trouble?: Pick<Asked<unknown>, 'error' | 'again'>
}

export function useInstance(): Instances {
  const { filters } = useFilters()
  const who = useWho()
  const asked = useAsk('listInstances')
  const instances = asked.data ?? []
  const instance = filters['instance'] ?? who.instance?.id ?? instances[0]?.id
  return { instance, instances, trouble: asked }
}

export function InstanceChoice({
  instance,
  instances,
  trouble,
  none,
}: Instances & {
  /** Says what it means to choose none; left out: one is always chosen. */
  readonly none?: string
}) {
  const { set } = useFilters()
  if (trouble?.error) return <Problem error={trouble.error} retry={trouble.again} />
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
