// Blocked certificates: what gets no key whoever vouches for it, and the way back.

import { useState } from 'preact/hooks'
import { call, type Answer } from '../api.ts'
import { useAsk } from '../ask.ts'
import { Answered } from '../parts/answer.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { Fingerprint } from '../parts/fingerprint.tsx'
import { groups } from '../parts/sha256.ts'
import { Say } from '../parts/say.tsx'
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
      <p>Whoever shows one of these gets no key, even where a client or a CA vouches for it.</p>
      <Answered asked={asked}>
        {(blocks) =>
          blocks.length === 0 ? (
            <p>No certificate is blocked.</p>
          ) : (
            <ul class="cards">
              {blocks.map((block) => (
                <li key={block.sha256}>
                  <Fingerprint sha256={block.sha256} />
                  <p>
                    Since <Time at={block.created} />: <Say text={block.reason} none="no reason was given" />
                  </p>
                  {mayUnblock && (
                    <button type="button" class="secondary small" onClick={() => setAsks(block)}>
                      Remove the block…
                    </button>
                  )}
                </li>
              ))}
            </ul>
          )
        }
      </Answered>
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
            If a client or a CA vouches for this certificate, whoever has its private key can fetch keys again
            with the next message.
          </p>
          <p>The name to type is the first group of the fingerprint.</p>
        </Confirm>
      )}
    </>
  )
}
