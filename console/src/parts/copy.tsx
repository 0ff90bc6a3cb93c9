// A button that copies a text, and says that it did.

import { useState } from 'preact/hooks'

export function Copy({ text, what }: { readonly text: string; readonly what: string }) {
  // Nothing is said of another text that stood here before.
  const [copied, setCopied] = useState({ text, said: '' })
  const said = copied.text === text ? copied.said : ''
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text)
      setCopied({ text, said: 'Copied' })
    } catch {
      setCopied({ text, said: 'This browser does not let the page copy: select the text' })
    }
  }
  return (
    <span>
      <button type="button" class="outline small" onClick={() => void copy()} aria-label={`Copy ${what}`}>
        Copy
      </button>
      <span role="status">{said}</span>
    </span>
  )
}
