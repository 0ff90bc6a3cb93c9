// The work on all keys of an instance: a move to another root key, or a rewrap by its newest version.

import type { Answer } from '../api.ts'
import { Progress } from './progress.tsx'
import { Say } from './say.tsx'
import { Time } from './time.tsx'

export type Work = NonNullable<Answer<'showInstance'>['work']>

export function InstanceWork({ work }: { readonly work: Work }) {
  const { kind, from, started, done, total, trouble, node } = work
  return (
    <Progress
      label={kind === 'move' ? 'Its keys move to another root key' : 'The newest version wraps its keys'}
      done={done}
      total={total}
      trouble={trouble}
    >
      <p>
        <small>
          Begun <Time at={started} />, from <code>{from.rootKey}</code>
          {node !== null && (
            <>
              ; the node <Say text={node} /> does it
            </>
          )}
          . Every key is served meanwhile.
        </small>
      </p>
    </Progress>
  )
}
