// SHA-256 fingerprints: in groups of four, large enough to compare, and compared with one that was pasted.

import { useId, useState } from 'preact/hooks'
import { groups, readFingerprint } from './sha256.ts'

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

/** A field for the fingerprint that another place shows; says whether it is the same. */
export function CompareFingerprint({
  sha256,
  label = 'The fingerprint (SHA-256) that vCenter shows',
  other = 'Different. This is another certificate: do not trust it.',
  onSame,
}: {
  readonly sha256: string
  readonly label?: string
  /** What it means if they differ. */
  readonly other?: string
  readonly onSame?: (isSame: boolean) => void
}) {
  const [text, setText] = useState('')
  const id = useId()
  const pasted = readFingerprint(text)
  const verdict =
    text.trim() === '' ? '' : pasted === undefined ? 'incomplete' : pasted === sha256 ? 'same' : 'other'
  const words = {
    '': '',
    incomplete:
      'This is no whole SHA-256 fingerprint: it has 64 hexadecimal digits. A SHA-1 fingerprint, of 40 digits, does not do.',
    same: 'The same: all 64 digits agree.',
    other,
  }[verdict]
  return (
    <div>
      <label for={id}>{label}</label>
      <input
        id={id}
        value={text}
        autocomplete="off"
        spellcheck={false}
        placeholder="AB:CD:…"
        aria-describedby={`${id}-verdict`}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value)
          onSame?.(readFingerprint(currentTarget.value) === sha256)
        }}
        {...(verdict !== '' && { 'aria-invalid': verdict !== 'same' })}
      />
      <p id={`${id}-verdict`} class={`verdict ${verdict}`} role="status">
        {words}
      </p>
    </div>
  )
}
