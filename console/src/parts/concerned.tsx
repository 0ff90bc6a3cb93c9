// Which machines something destructive is about, as the imported inventories say.

import type { Answer } from '../api.ts'
import { Say } from './say.tsx'

export function Concerned({ usedBy }: { readonly usedBy: Answer<'showKey'>['usedBy'] }) {
  const machines = usedBy?.machines ?? 0
  if (!usedBy) return <p>No inventory says which machines use it. Nobody here knows that none does.</p>
  if (machines === 0) return <p>No machine of the imported inventories uses it.</p>
  return (
    <p>
      <strong>{machines} machines use it:</strong>{' '}
      {usedBy.first.map(({ name }, index) => (
        <>
          {index > 0 && ', '}
          <Say text={name} />
        </>
      ))}
      {machines > usedBy.first.length && ' and more'}
    </p>
  )
}
