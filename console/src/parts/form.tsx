// A form that does one thing: its fields, why it failed, and the button.

import type { ComponentChildren } from 'preact'
import { useAct } from '../ask.ts'
import { Problem } from './answer.tsx'

export function Form({
  title,
  action,
  disabled = false,
  onSubmit,
  children,
}: {
  readonly title?: string
  /** On the button: what is done. */
  readonly action: string
  readonly disabled?: boolean
  readonly onSubmit: () => Promise<void>
  readonly children?: ComponentChildren
}) {
  const { isRunning, error, run } = useAct()
  return (
    <form
      class="narrow-form"
      onSubmit={(event) => {
        event.preventDefault()
        void run(onSubmit)
      }}
    >
      {title !== undefined && <h3>{title}</h3>}
      {children}
      {error && <Problem error={error} />}
      <button type="submit" class="auto" disabled={disabled || isRunning} aria-busy={isRunning}>
        {action}
      </button>
    </form>
  )
}
