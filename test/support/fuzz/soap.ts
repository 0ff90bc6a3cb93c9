// Answers of vCenter's API as a target: any bytes become a tree or an XmlError, the same however they arrive, within the bounds.

import assert from 'node:assert/strict'
import {
  readXml,
  writeXml,
  xml,
  XmlError,
  XmlReader,
  type XmlElement,
  type XmlNode,
} from '../../../src/outside/vsphere-api/xml.ts'
import { summary, type Target } from './engine.ts'

const bounds = { bytesMax: 8_000, elementsMax: 300 }
const place = ['Envelope', 'Body', 'RetrievePropertiesExResponse', 'returnval', 'objects']

const envelope = (body: string): Buffer =>
  Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>${body}</soapenv:Body></soapenv:Envelope>`,
  )

export const soapTarget: Target = {
  name: 'soap-answer',
  seeds: () => [
    envelope(
      '<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>no &amp; no</faultstring><detail><InvalidLoginFault xmlns="urn:vim25" xsi:type="InvalidLogin"></InvalidLoginFault></detail></soapenv:Fault>',
    ),
    envelope(
      '<RetrievePropertiesExResponse xmlns="urn:vim25"><returnval><token>1</token><objects><obj type="VirtualMachine">vm-1</obj><propSet><name>config.keyId</name><val xsi:type="CryptoKeyId"><keyId>k</keyId><providerId><id>p</id></providerId></val></propSet></objects><objects><obj type="VirtualMachine">vm-2</obj><missingSet><path>config</path></missingSet></objects></returnval></RetrievePropertiesExResponse>',
    ),
    Buffer.from('<a><!-- c --><![CDATA[x]]>&#65;&lt;<b/></a>'),
  ],
  words: [
    '<objects>',
    '</objects>',
    '<![CDATA[',
    ']]>',
    '<!DOCTYPE a [<!ENTITY e "x">]>',
    '&e;',
    '&#x10FFFF;',
    '<?a?>',
    '<!--',
    '-->',
    ' xmlns=""',
    ' xmlns:xsi="urn:x"',
    ' xsi:type="__proto__"',
    '<__proto__/>',
    '\uFEFF',
  ],
  run(input) {
    const whole = outcome(() => readXml(input, bounds))
    const pieces = outcome(() => {
      const reader = new XmlReader(bounds)
      for (let at = 0; at < input.length; at += 7) reader.write(input.subarray(at, at + 7))
      return reader.end()
    })
    // The decoder reports before the parser, so the pieces decide which of two faults is named. They do not decide whether it is refused.
    if (typeof whole !== 'string' || typeof pieces !== 'string')
      assert.deepEqual(pieces, whole, 'in pieces it is another document')
    let taken = 0
    const streamed = outcome(() => {
      const reader = new XmlReader(bounds, place)
      taken = reader.write(input).length
      return reader.end()
    })
    if (typeof whole === 'string') return `${whole} ${typeof streamed}`
    assert.ok(depthOf(whole) <= 100 && countOf(whole) <= bounds.elementsMax, 'a bound is passed')
    const again = readXml(writeXml(nodeOf(whole)), { bytesMax: 1e6, elementsMax: 1e4 })
    assert.deepEqual(again, whole, 'what is written of it reads as something else')
    return `${countOf(whole)} ${taken}`
  },
}

function outcome(read: () => XmlElement): XmlElement | string {
  try {
    return read()
  } catch (error) {
    if (error instanceof XmlError) return summary(error)
    throw error
  }
}

function nodeOf({ name, class: ofClass, type, text, children }: XmlElement): XmlNode {
  return xml(name, children.length > 0 ? children.map(nodeOf) : text, {
    ...(ofClass !== undefined && {
      'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
      'xsi:type': ofClass,
    }),
    ...(type !== undefined && { type }),
  })
}

function countOf({ children }: XmlElement): number {
  return children.reduce((sum, child) => sum + countOf(child), 1)
}

function depthOf({ children }: XmlElement): number {
  return 1 + Math.max(0, ...children.map(depthOf))
}
