// The three encodings of a message (KMIP profiles 2.1 §5.4 to §5.6). The rest of the server works on TTLV. XML and JSON are
// converted to TTLV and back with the names of the tables, so that all three share one decoder and one set of rules.

import { whole, type Parts } from '../../base/parts.ts'
import { readJson } from '../ttlv/read-json.ts'
import { readXml } from '../ttlv/read-xml.ts'
import { writeJson } from '../ttlv/write-json.ts'
import { writeXml } from '../ttlv/write-xml.ts'
import { dialectFor, statedVersion } from './dialect.ts'
import { textNames } from './text-names.ts'
import type { Version } from './version.ts'

export type TextEncoding = 'xml' | 'json'
export type Encoding = 'ttlv' | TextEncoding

const readers = { xml: readXml, json: readJson } as const
const writers = { xml: writeXml, json: writeJson } as const

/** A message in TTLV. Throws TtlvError. The caller overwrites the text and the result. */
export function fromText(encoding: TextEncoding, text: Uint8Array): Buffer {
  return whole(fromTextInParts(encoding, text))
}

export function fromTextInParts(encoding: TextEncoding, text: Uint8Array): Parts<Buffer> {
  return readers[encoding](text, textNames(newest))
}

/**
 * The text of a message that this server or client encoded, with the names of its version. The caller overwrites the message and
 * the result.
 */
export function toText(encoding: TextEncoding, message: Buffer): Buffer {
  return whole(toTextInParts(encoding, message))
}

export function toTextInParts(encoding: TextEncoding, message: Buffer): Parts<Buffer> {
  const stated =
    statedVersion(message, 'ResponseMessage', 'ResponseHeader') ??
    statedVersion(message, 'RequestMessage', 'RequestHeader')
  const version = stated && dialectFor(stated)?.version
  return writers[encoding](message, textNames(version ?? newest))
}

const newest: Version = '2.1'
