// Blocked certificates: what gets no key whoever vouches for it, one more, and the way back.

import { useState } from 'preact/hooks'
import { ApiError, call, type Answer } from '../api.ts'
import { useAsk } from '../ask.ts'
import { Answered } from '../parts/answer.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { Field } from '../parts/field.tsx'
import { Fingerprint } from '../parts/fingerprint.tsx'
import { Form } from '../parts/form.tsx'
import { groups, sha256In } from '../parts/sha256.ts'
import { Say } from '../parts/say.tsx'
import { Some } from '../parts/some.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.tsx'

type Block = Answer<'listBlocks'>[number]

export function Blocks() {
  const asked = useAsk('listBlocks')
  const mayUnblock = useMay('operator', { server: true })
  const [asks, setAsks] = useState<Block>()
  return (
    <>
      <p class="back">
        <a href="/clients">Clients</a>
      </p>
      <h1>Blocked certificates</h1>
      <p>A client that shows one of these gets no key, even where a client or a CA vouches for it.</p>
      <Answered asked={asked}>
        {(blocks) =>
          blocks.length === 0 ? (
            <p>No certificate is blocked.</p>
          ) : (
            <Some
              of={blocks}
              search="Fingerprint or reason"
              wordsOf={({ sha256, reason }) => `${sha256} ${reason ?? ''}`}
            >
              {(some) => (
                <ul class="cards">
                  {some.map((block) => (
                    <li key={block.sha256}>
                      <Fingerprint sha256={block.sha256} />
                      <p>
                        Since <Time at={block.created} />:{' '}
                        <Say text={block.reason} none="no reason was given" />
                      </p>
                      {mayUnblock && (
                        <button type="button" class="secondary small" onClick={() => setAsks(block)}>
                          Remove the block…
                        </button>
                      )}
                    </li>
                  ))}
                </ul>
              )}
            </Some>
          )
        }
      </Answered>
      {mayUnblock && <BlockOne again={asked.again} />}
      {asks && (
        <Confirm
          title="Remove the block of this certificate"
          action="Remove the block"
          typed={groups(asks.sha256)[0]}
          onClose={() => setAsks(undefined)}
          onConfirm={async () => {
            await call('unblockCertificate', { certificate: asks.sha256 })
            asked.again()
          }}
        >
          <Fingerprint sha256={asks.sha256} />
          <p>
            If a client or a CA vouches for this certificate, the holder of its private key can fetch keys
            again with the next message.
          </p>
          <p>The name to type is the first group of the fingerprint.</p>
        </Confirm>
      )}
    </>
  )
}

/** Also for a certificate that is no client's own: of a CA that a client has, or of somebody unknown. */
function BlockOne({ again }: { readonly again: () => void }) {
  const [text, setText] = useState('')
  const [reason, setReason] = useState('')
  const block = async (): Promise<void> => {
    const sha256 = await sha256In(text)
    if (sha256 === undefined)
      throw new ApiError(
        'no-fingerprint',
        'This is no whole SHA-256 fingerprint, and no whole certificate.',
        'A SHA-256 fingerprint has 64 hexadecimal digits; one of 40 digits is SHA-1, which does not do.',
      )
    await call('blockCertificate', { body: { sha256, reason: reason.trim() } })
    setText('')
    setReason('')
    again()
  }
  return (
    <section aria-labelledby="block">
      <h2 id="block">Block a certificate</h2>
      <Form action="Block it" onSubmit={block}>
        <Field
          label="Its fingerprint (SHA-256), or the certificate, PEM"
          value={text}
          onChange={setText}
          required
          rows={3}
          help="From its next message on, a client that shows it gets no key. The audit log has the fingerprint of each certificate that fetched a key."
        />
        <Field
          label="Why"
          value={reason}
          onChange={setReason}
          help="Each person who sees the block reads it."
        />
      </Form>
    </section>
  )
}
