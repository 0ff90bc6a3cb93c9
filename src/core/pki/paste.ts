// Converts pasted, piped or uploaded text to DER: PEM with any line ends, text around it, a byte order mark or UTF-16 from
// Windows, bare base64, or DER itself. For anything that is not a certificate (or not a request, where one is expected) the error
// says what it is and how to get the right thing, since most pastes go wrong in the same dozen ways. This file does not look
// inside the DER.

import { certificateBytesMax } from '../../base/bounds.ts'
import { PkiError } from './error.ts'

export type PasteKind = 'certificate' | 'certificate request'

/** The reverse of readPaste: DER as PEM. */
export function pemText(label: 'CERTIFICATE' | 'CERTIFICATE REQUEST', der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/** The DER of every block of the expected kind, in order, at least one. Throws PkiError for anything else. */
export function readPaste(paste: string | Uint8Array, kind: PasteKind): Buffer[] {
  if (paste.length > certificateBytesMax)
    throw new PkiError(`This is larger than ${certificateBytesMax / 1024} KiB, which no ${kind} is.`)
  if (typeof paste !== 'string' && isDer(paste)) return [refusePkcs12(Buffer.from(paste), kind)]
  const text = tidy(typeof paste === 'string' ? paste : decodeText(paste, kind))
  const blocks = pemBlocks(text)
  if (blocks.length === 0) return [bareBase64(text, kind)]
  const wrong = blocks.find(({ label }) => kindOf(label) !== kind)
  if (wrong) throw new PkiError(explainLabel(wrong.label, kind, blocks))
  return blocks.map(({ body }) => decodeBase64(body))
}

interface Block {
  readonly label: string
  readonly body: string
}

function kindOf(label: string): PasteKind | 'private key' | 'other' {
  if (label === 'CERTIFICATE' || label === 'X509 CERTIFICATE') return 'certificate'
  if (label === 'CERTIFICATE REQUEST' || label === 'NEW CERTIFICATE REQUEST') return 'certificate request'
  return label.endsWith('PRIVATE KEY') ? 'private key' : 'other'
}

/** Uses searches instead of a regular expression, so that one pass is enough for any text. */
function pemBlocks(text: string): Block[] {
  const blocks: Block[] = []
  let at = text.indexOf(begin)
  while (at >= 0) {
    const labelEnd = text.indexOf('-----', at + begin.length)
    const label = labelEnd < 0 ? '' : text.slice(at + begin.length, labelEnd)
    if (!/^[A-Z0-9 ]{1,40}$/.test(label))
      throw new PkiError('The line "-----BEGIN ...-----" is damaged. Copy the whole text again.')
    const end = text.indexOf(`-----END ${label}-----`, labelEnd)
    if (end < 0)
      throw new PkiError(
        `This begins with "-----BEGIN ${label}-----" but the line "-----END ${label}-----" is missing: the text ` +
          'was cut off. Copy it again, with its first and last line.',
      )
    blocks.push({ label, body: text.slice(labelEnd + 5, end) })
    at = text.indexOf(begin, end)
  }
  return blocks
}

const begin = '-----BEGIN '

function decodeBase64(body: string): Buffer {
  // Mail programs put "> " before each quoted line.
  const base64 = body.replace(/^[> \t]+/gm, '').replace(/\s/g, '')
  const strange = /[^A-Za-z0-9+/=]/.exec(base64)
  if (strange || base64.length % 4 !== 0 || /=[^=]|===/.test(base64))
    throw new PkiError(
      'The text between the BEGIN and END lines is damaged: ' +
        (strange ? 'it holds characters that are not base64. ' : 'some characters are missing. ') +
        'Copy it again, as plain text.',
    )
  return Buffer.from(base64, 'base64')
}

function bareBase64(text: string, kind: PasteKind): Buffer {
  const base64 = text.replace(/\s/g, '')
  if (base64.length >= 100 && base64.startsWith('MI') && /^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    const der = Buffer.from(base64, 'base64')
    if (isDer(der)) return refusePkcs12(der, kind)
  }
  throw new PkiError(explainText(text, kind))
}

function explainLabel(label: string, kind: PasteKind, blocks: readonly Block[]): string {
  const beside = blocks.some((block) => kindOf(block.label) === kind)
  if (blocks.some((block) => kindOf(block.label) === 'private key'))
    return (
      `This ${beside ? 'also ' : ''}holds a private key, which stays with its owner. ` +
      `Paste only the ${kind}: the part from ${pemLines(kind)}. ` +
      'If anyone else may have seen the key, make a new one.'
    )
  switch (label) {
    case 'CERTIFICATE REQUEST':
    case 'NEW CERTIFICATE REQUEST':
      return (
        'This is a certificate signing request (CSR), not a certificate. Sign it first (mortise client sign), ' +
        'or paste the certificate that the client uses now.'
      )
    case 'CERTIFICATE':
    case 'X509 CERTIFICATE':
      return 'This is a certificate, not a certificate signing request (CSR). To trust a certificate use: mortise client trust'
    case 'PKCS7':
    case 'CMS':
      return 'This is a PKCS#7 bundle. Take the certificate out of it: openssl pkcs7 -in FILE -print_certs'
    case 'TRUSTED CERTIFICATE':
      return "This is a certificate with OpenSSL's own trust settings. Write it plainly: openssl x509 -in FILE -out certificate.pem"
    case 'PUBLIC KEY':
    case 'RSA PUBLIC KEY':
      return `This is a bare public key. A ${kind} is needed: the text from ${pemLines(kind)}.`
    case 'X509 CRL':
      return `This is a certificate revocation list. A ${kind} is needed: the text from ${pemLines(kind)}.`
    default:
      return `This is "${label}". A ${kind} is needed: the text from ${pemLines(kind)}.`
  }
}

/** Finds out what a text without a BEGIN line is. */
function explainText(text: string, kind: PasteKind): string {
  const needed = `Paste the ${kind} itself: the text from ${pemLines(kind)}.`
  const trimmed = text.trim()
  if (trimmed === '') return `There is nothing here. ${needed}`
  // The number of characters is bounded, since clients send texts too, and the time would grow with the square of their length.
  if (/BEGIN [A-Z0-9 ]{0,40}(CERTIFICATE|KEY|PKCS7)/.test(text))
    return (
      'The dashes of the line "-----BEGIN ...-----" are missing or were changed, as word processors and mail ' +
      `programs do. ${needed.replace('Paste', 'Copy it as plain text and paste')}`
    )
  if (/^<(!doctype|html|\?xml)/i.test(trimmed)) return `This is a web page, not a ${kind}. ${needed}`
  if (/^(ssh-|ecdsa-sha2-)/.test(trimmed)) return `This is an SSH public key. ${needed}`
  if (/^[0-9a-f]{2}([: ]?[0-9a-f]{2}){15,63}$/i.test(trimmed) || /fingerprint\s*=/i.test(trimmed))
    return `This is a fingerprint, from which the ${kind} cannot be made. ${needed}`
  if (/^[^\n]{1,400}\.(pem|crt|cer|der|csr|p10|p7b|pfx|p12|key|txt)$/i.test(trimmed))
    return `This looks like the name of a file, not like its content. ${needed}`
  return `This is not a ${kind}. ${needed}`
}

function pemLines(kind: PasteKind): string {
  const label = kind.toUpperCase()
  return `"-----BEGIN ${label}-----" to "-----END ${label}-----"`
}

/** Whether the bytes are one whole DER SEQUENCE. Text that begins with "0" never has the right length. */
function isDer(bytes: Uint8Array): boolean {
  const [tag, first] = bytes
  if (tag !== 0x30 || first === undefined || first < 0x80) return false
  const lengthBytes = first & 0x7f
  if (lengthBytes < 1 || lengthBytes > 3 || bytes.length < 2 + lengthBytes) return false
  return Buffer.from(bytes).readUIntBE(2, lengthBytes) === bytes.length - 2 - lengthBytes
}

/** PKCS#12 begins with version 3, PKCS#7 with the identifier 1.2.840.113549.1.7.2 (signed data). */
function refusePkcs12(der: Buffer, kind: PasteKind): Buffer {
  const content = der.subarray(2 + ((der[1] ?? 0) & 0x7f))
  if (content.subarray(0, 3).equals(Buffer.from('020103', 'hex')))
    throw new PkiError(
      `This is a PKCS#12 file (.pfx, .p12), which holds a private key. Take only the ${kind} out of it: ` +
        'openssl pkcs12 -in FILE -clcerts -nokeys',
    )
  if (content.subarray(0, 11).equals(Buffer.from('06092a864886f70d010702', 'hex')))
    throw new PkiError(
      'This is a PKCS#7 bundle (.p7b). Take the certificate out of it: openssl pkcs7 -inform DER -in FILE -print_certs',
    )
  return der
}

/** The text of a file: UTF-8, or UTF-16 with a byte order mark. Throws PkiError for binary data. */
export function decodeText(bytes: Uint8Array, kind: PasteKind): string {
  const [first, second] = bytes
  // PowerShell's ">" writes UTF-16 with a byte order mark.
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes)
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes)
  const text = new TextDecoder('utf-8').decode(bytes)
  if (text.includes('\u0000'))
    throw new PkiError(
      first === 0x30
        ? `This looks like a ${kind} in binary form (DER) that is damaged, cut off or followed by other data.`
        : `This is binary data, not a ${kind} in PEM or DER form.`,
    )
  return text
}

/**
 * Gives a text one kind of line end. Removes the byte order mark and invisible characters. An escaped `\n`, as in JSON, becomes a
 * line end.
 */
function tidy(text: string): string {
  const plain = text
    .replace(/[\u200b-\u200d\u2060\ufeff]/g, '')
    .replace(/[\u00a0\u2007\u202f]/g, ' ')
    .replace(/\r\n?/g, '\n')
  return /-----\\[rn]/.test(plain) ? plain.replace(/(\\r)?\\n/g, '\n') : plain
}
