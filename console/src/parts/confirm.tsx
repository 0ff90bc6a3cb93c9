// Asks before something is done that cannot be undone: says what will happen and to what, and has the name typed.

import type { ComponentChildren } from 'preact'
import { useContext, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { AsleepContext, useAct } from '../ask.ts'
import { Problem } from './answer.tsx'
import { Say } from './say.tsx'
import { isTyped } from './visible.ts'

export function Confirm({
  title,
  action,
  typed,
  isReady: isKnown = true,
  children,
  onConfirm,
  onClose,
}: {
  readonly title: string
  /** On the button: what is done. */
  readonly action: string
  /** The words to type, as they are shown; undefined: none. */
  readonly typed?: string | undefined
  /** false: what it is about is not known yet. */
  readonly isReady?: boolean
  /** Says what it does, and to what. */
  readonly children: ComponentChildren
  readonly onConfirm: () => Promise<void>
  readonly onClose: () => void
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [text, setText] = useState('')
  const { isRunning, error, run } = useAct()
  const id = useId()
  const isReady = isKnown && (typed === undefined || isTyped(text, typed)) && !isRunning
  const isAsleep = useContext(AsleepContext)
  const open = (): void => {
    // It would stand unseen before the log-in, and keep the reader from it.
    if (!isAsleep) dialog.current?.showModal()
  }
  useLayoutEffect(open, [error, isAsleep])
  // The browser tells of a close some time after it.
  const close = (): void => {
    if (isAsleep) return
    // Else it would look left, and whether it was done, or why not, would be said to nobody.
    if (isRunning) open()
    else if (dialog.current?.open === false) onClose()
  }
  return (
    <dialog ref={dialog} aria-labelledby={`${id}-title`} onClose={close}>
      <article>
        <h2 id={`${id}-title`}>{title}</h2>
        {children}
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (isReady)
              void run(async () => {
                await onConfirm()
                dialog.current?.close()
                // Not only once the browser tells of it: if the session ends before, it would ask again after the log-in.
                onClose()
              })
          }}
        >
          {typed !== undefined && (
            <>
              <label for={id}>
                Type <Say text={typed} /> to go on
              </label>
              <input
                id={id}
                value={text}
                autocomplete="off"
                spellcheck={false}
                onInput={({ currentTarget }) => setText(currentTarget.value)}
              />
            </>
          )}
          {error && <Problem error={error} />}
          <footer>
            <button
              type="button"
              class="secondary"
              disabled={isRunning}
              onClick={() => dialog.current?.close()}
            >
              Leave it
            </button>
            <button type="submit" disabled={!isReady} aria-busy={isRunning}>
              {action}
            </button>
          </footer>
        </form>
      </article>
    </dialog>
  )
}
