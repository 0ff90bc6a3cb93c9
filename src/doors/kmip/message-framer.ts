// Makes the framer of a connection: TTLV as it is, or HTTP around each message.

import { Framer } from '../../wire/ttlv/framer.ts'
import type { Answer, MessageFramer, Wire } from './contract.ts'
import type { ListenerLimits } from './listener-limits.ts'
import { HttpFramer } from './http-framer.ts'

export function framerFor(
  wire: Wire,
  { messageBytesMax, untrustedMessageBytesMax: askAboveBytes }: ListenerLimits,
): MessageFramer {
  const options = { messageBytesMax, askAboveBytes }
  return wire === 'https' ? new HttpFramer(options) : new TtlvFramer(options)
}

class TtlvFramer extends Framer implements MessageFramer {
  readonly encoding = 'ttlv'
  readonly host = undefined
  readonly canReverse = true

  answer(answer: Answer): Answer {
    return answer
  }
}
