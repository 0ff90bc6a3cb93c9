// SHA-256 fingerprints: in groups of four, large enough to compare, and compared with one that was pasted.

import type { ComponentChildren } from 'preact'
import { useEffect, useId, useState } from 'preact/hooks'
import { groups, sha256In } from './sha256.ts'

export function Fingerprint({
  sha256,
  large = false,
  digest = 'SHA-256',
}: {
  readonly sha256: string
  readonly digest?: 'SHA-256' | 'SHA-1'
  readonly large?: boolean
}) {
  return (
    <code
      role="img"
      class={large ? 'fingerprint large' : 'fingerprint'}
      aria-label={`${digest} ${groups(sha256).join(' ')}`}
    >
      {groups(sha256).map((group, index) => (
        <span key={index} aria-hidden="true">
          {group}
        </span>
      ))}
    </code>
  )
}

type Verdict = '' | 'incomplete' | 'same' | 'other'

/** A field for the fingerprint that another place shows, or for the certificate itself; says whether it is the same. */
export function CompareFingerprint({
  sha256,
  label,
  help,
  other = 'Different. This is another certificate: do not trust it.',
  onSame,
}: {
  readonly sha256: string
  readonly label: string
  readonly help?: ComponentChildren
  /** Says what it means if they differ. */
  readonly other?: string
  readonly onSame?: (isSame: boolean) => void
}) {
  const [text, setText] = useState('')
  const [verdict, setVerdict] = useState<Verdict>('')
  const id = useId()
  useEffect(() => {
    let isOld = false
    const judge = async (): Promise<void> => {
      const pasted = await sha256In(text)
      if (isOld) return
      setVerdict(text.trim() === '' ? '' : verdictOf(pasted, sha256))
      onSame?.(pasted === sha256)
    }
    void judge()
    return () => (isOld = true)
  }, [text, sha256])
  const words: Readonly<Record<Verdict, string>> = {
    '': '',
    incomplete: text.includes('-----')
      ? 'This is no whole certificate: copy it again, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.'
      : 'This is no whole SHA-256 fingerprint: it has 64 hexadecimal digits. A SHA-1 fingerprint, of 40 digits, does not do.',
    same: 'The same: all 64 digits agree.',
    other,
  }
  return (
    <div>
      <label for={id}>{label}</label>
      <input
        id={id}
        value={text}
        autocomplete="off"
        spellcheck={false}
        placeholder="AB:CD:…"
        aria-describedby={`${id}-help ${id}-verdict`}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value)
          // Until it is known again.
          onSame?.(false)
        }}
        {...(verdict !== '' && { 'aria-invalid': verdict !== 'same' })}
      />
      <small id={`${id}-help`}>{help}</small>
      <p id={`${id}-verdict`} class={`verdict ${verdict}`} role="status">
        {words[verdict]}
      </p>
    </div>
  )
}

function verdictOf(pasted: string | undefined, sha256: string): Verdict {
  if (pasted === undefined) return 'incomplete'
  return pasted === sha256 ? 'same' : 'other'
}
