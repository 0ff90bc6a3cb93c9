// A button that copies a text, and says that it did.

import { useState } from 'preact/hooks'

export function Copy({ text, what }: { readonly text: string; readonly what: string }) {
  const [said, setSaid] = useState('')
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text)
      setSaid('Copied')
    } catch {
      setSaid('This browser does not let the page copy: select the text')
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
