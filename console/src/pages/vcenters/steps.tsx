// The steps of a connect or a change-over, as far as they are. The work goes on in the server when the page is closed.

import { useEffect } from 'preact/hooks'
import type { Answer } from '../../api.ts'
import { useAsk } from '../../ask.ts'
import { Answered } from '../../parts/answer.tsx'
import { Say } from '../../parts/say.tsx'
import { Warnings } from '../../parts/warnings.tsx'

const lookEveryMs = 1_000

type Run = Answer<'showConnect'>
type StepState = Run['steps'][number]['state']

const words: Readonly<Record<StepState, readonly [word: string, kind: string]>> = {
  running: ['under way', 'look'],
  done: ['done', 'good'],
  already: ['was so', 'good'],
  would: ['would be done', 'look'],
  skipped: ['left out', 'look'],
  failed: ['failed', 'bad'],
}

export function Steps({
  instance,
  vcenter,
  run,
  onEnd,
}: {
  readonly instance: string
  readonly vcenter: string
  readonly run: string
  /** Called once, when the work has ended. */
  readonly onEnd: () => void
}) {
  const asked = useAsk('showConnect', { instance, vcenter, connect: run }, { everyMs: lookEveryMs })
  const hasEnded = asked.data !== undefined && asked.data.state !== 'running'
  useEffect(() => {
    if (hasEnded) onEnd()
  }, [hasEnded])
  return <Answered asked={asked}>{(shown) => <Shown run={shown} />}</Answered>
}

function Shown({ run: { state, steps, warnings, error, dryRun } }: { readonly run: Run }) {
  return (
    <article aria-busy={state === 'running'}>
      {dryRun && <p class="look">This only says what would be done. Nothing is changed.</p>}
      <ol>
        {steps.map((step) => {
          const [word, kind] = words[step.state]
          return (
            <li key={step.step}>
              <span class={`state ${kind}`}>{word}</span> <Say text={step.text} />
            </li>
          )
        })}
      </ol>
      <Warnings warnings={warnings} />
      <p role="status" class={state === 'failed' ? 'bad' : 'good'}>
        {state === 'running' && 'Under way. You can close this page: the server goes on.'}
        {state === 'done' && (dryRun ? 'That is all that would be done.' : 'Done.')}
        {state === 'failed' &&
          'It did not reach its end. What was done stays; begin it again, and it goes on.'}
      </p>
      {error && (
        <div class="problem" role="alert">
          <p>
            <strong>
              <Say text={error.message} />
            </strong>
          </p>
          <p>
            <Say text={error.hint} none="" />
          </p>
        </div>
      )}
    </article>
  )
}
