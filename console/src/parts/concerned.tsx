// The machines that use a key or an instance, as the imported inventories say.

import { Fragment } from 'preact'
import type { Answer } from '../api.ts'
import { counted } from './counted.ts'
import { Say } from './say.tsx'

type UsedBy = Answer<'showKey'>['usedBy']

/** Says before something destructive whom it concerns. */
export function Concerned({ usedBy }: { readonly usedBy: UsedBy }) {
  const machines = usedBy?.machines ?? 0
  if (!usedBy) return <p>No inventory says which machines use it. That does not prove that none does.</p>
  if (machines === 0) return <p>No machine of the imported inventories uses it.</p>
  return (
    <p>
      <strong>
        {counted(machines, 'machine')} {machines === 1 ? 'uses' : 'use'} it:
      </strong>{' '}
      <Machines {...usedBy} />
    </p>
  )
}

/** The names, as far as the server lists them. */
export function Machines({ machines, first }: Pick<NonNullable<UsedBy>, 'machines' | 'first'>) {
  return (
    <>
      {first.map(({ kind, name }, index) => (
        <Fragment key={index}>
          {index > 0 && ', '}
          <Say text={name} /> ({kind})
        </Fragment>
      ))}
      {machines > first.length && ' and more'}
    </>
  )
}
