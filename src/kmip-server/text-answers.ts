// Puts XML and JSON around the function that answers TTLV: a text becomes TTLV before it is answered, and the answer
// becomes a text. Nothing behind it knows that there are other encodings. Bytes that are no such text get a KMIP answer.

import { fromText, toText, type Encoding, type TextEncoding } from '../kmip/encodings.ts'
import { limits } from '../limits.ts'
import { TtlvError } from '../ttlv/error.ts'
import type { Exchange, ListenerOptions, Peer } from './contract.ts'

type Answering = Pick<ListenerOptions, 'answer'> & Pick<Required<ListenerOptions>, 'answerUnreadable'>

interface InTtlv extends Answering {
  /** The answer to a text that is not readable, in TTLV. */
  answerMalformed(error: TtlvError): Buffer
}

export function inEachEncoding(inTtlv: InTtlv): Answering {
  const answerText = async (encoding: TextEncoding, text: Buffer, peer: Peer, exchange: Exchange) => {
    // A text takes more memory than its TTLV, which the answerer counts.
    const reserve = (bytes: number) => exchange.reserve(bytes * limits.textPerTtlvBytesMax)
    const read = readOrRefuse(encoding, text)
    if (read instanceof TtlvError)
      return { bytes: written(encoding, inTtlv.answerMalformed(read)), close: false }
    const { bytes, close } = await inTtlv.answer(read, peer, { ...exchange, reserve })
    return { bytes: written(encoding, bytes), close }
  }
  return {
    answer: (message, peer, exchange) =>
      exchange.encoding === 'ttlv'
        ? inTtlv.answer(message, peer, exchange)
        : answerText(exchange.encoding, message, peer, exchange),
    answerUnreadable(reason, peer, encoding) {
      const bytes = inTtlv.answerUnreadable(reason, peer, encoding)
      return bytes && written(encoding, bytes)
    },
  }
}

function readOrRefuse(encoding: TextEncoding, text: Buffer): Buffer | TtlvError {
  try {
    return fromText(encoding, text)
  } catch (error) {
    if (error instanceof TtlvError) return error
    throw error
  } finally {
    text.fill(0)
  }
}

function written(encoding: Encoding, message: Buffer): Buffer {
  if (encoding === 'ttlv' || message.length === 0) return message
  try {
    return toText(encoding, message)
  } finally {
    message.fill(0)
  }
}
