// Four clients of one instance send the largest messages that KMIP over HTTPS takes, of the kinds that cost the server the
// most: texts of character references and escapes, and masks of many words.

import { messageBytesMax } from '../../../src/base/bounds.ts'
import { textPerTtlvBytesMax } from '../../../src/doors/kmip/bounds.ts'
import { requestLoop } from './request-loop.ts'
import type { Attack } from './target.ts'

const messageBytes = messageBytesMax * textPerTtlvBytesMax

export const largeTexts: Attack = async ({ kmipHttps, neighbours }, signal) => {
  if (!kmipHttps) throw new Error('the server takes no KMIP over HTTPS')
  const lanes = largeMessages.map(({ type, body }, number) => {
    const tls = neighbours[number % neighbours.length]
    const headers = { 'Content-Type': type }
    return requestLoop(kmipHttps, { method: 'POST', path: '/kmip', headers, ...tls, body }, signal)
  })
  await Promise.all(lanes)
}

const xmlHead =
  '<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="1"/><ProtocolVersionMinor type="Integer" value="4"/></ProtocolVersion><BatchCount type="Integer" value="1"/></RequestHeader><BatchItem><Operation type="Enumeration" value="Get"/><RequestPayload>'
const xmlEnd = '</RequestPayload></BatchItem></RequestMessage>'
const mask = `<CryptographicUsageMask type="Integer" value="${'Encrypt Decrypt '.repeat(126)}"/>`

const item = (tag: string, type: string, value: string) =>
  `{"tag":"${tag}","type":"${type}","value":${value}}`
const jsonVersion = `{"tag":"ProtocolVersion","value":[${item('ProtocolVersionMajor', 'Integer', '1')},${item('ProtocolVersionMinor', 'Integer', '4')}]}`
const jsonHead = `{"tag":"RequestMessage","value":[{"tag":"RequestHeader","value":[${jsonVersion},${item('BatchCount', 'Integer', '1')}]},{"tag":"BatchItem","value":[${item('Operation', 'Enumeration', '"Get"')},{"tag":"RequestPayload","value":[{"tag":"UniqueIdentifier","type":"TextString","value":"`
const jsonEnd = '"}]}]}]}'

const largeMessages = [
  filled('text/xml', `${xmlHead}<UniqueIdentifier type="TextString" value="`, '&#65;', `"/>${xmlEnd}`),
  filled('text/xml', xmlHead, mask, xmlEnd),
  filled('application/json', jsonHead, String.raw`\u0041`, jsonEnd),
  filled('text/xml', `${xmlHead}<UniqueIdentifier type="TextString" value="`, '&#x1F511;', `"/>${xmlEnd}`),
]

/** As often the same in the middle as there is room for. */
function filled(type: string, head: string, middle: string, end: string) {
  const times = Math.floor((messageBytes - head.length - end.length) / middle.length)
  return { type, body: Buffer.from(`${head}${middle.repeat(times)}${end}`) }
}
