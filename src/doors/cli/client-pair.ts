// The client certificate and its private key, which commands take as two files of PEM. Finds both whatever else the files
// hold: a chain in any order, or certificate and key in one file. Of a wrong file it says what it holds and how to mend it.

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { PkiError } from '../../core/pki/error.ts'
import { readNamed, readPem } from './files.ts'
import { CommandError, type World } from './world.ts'
import { shellWord } from '../../base/text/shell-word.ts'

export interface ClientPair {
  /** PEM: the certificate of the key first. */
  readonly cert: string
  /** PEM, the caller's to wipe. */
  readonly key: Buffer
}

export async function readClientPair(world: World, certFile: string, keyFile: string): Promise<ClientPair> {
  const certText = await readCertificates(world, certFile)
  const keyText = await readNamed(keyFile)
  try {
    const certificates = certificatesIn(certText, certFile)
    if (certificates.length === 0) throw noCertificate(certFile, certText, keyFile, keyText)
    const key = onlyKey(keyFile, keyText)
    try {
      const opened = readPrivateKey(keyFile, key)
      const own = certificates.find((certificate) => certificate.checkPrivateKey(opened))
      if (!own) throw notTogether(certFile, certificates, keyFile)
      const others = certificates.filter((certificate) => certificate !== own)
      return { cert: [own, ...others].map(String).join(''), key }
    } catch (error) {
      key.fill(0)
      throw error
    }
  } finally {
    keyText.fill(0)
  }
}

/** The certificates of CAs in a file, as PEM. */
export async function readAuthority(world: World, file: string): Promise<string> {
  const text = await readCertificates(world, file)
  const certificates = certificatesIn(text, file)
  if (certificates.length === 0)
    throw new CommandError(
      `${file} holds ${contentOf(text)}, and no certificate of a CA`,
      'Give the certificate of the CA that signed the certificate of the server, in PEM.',
    )
  const trusted = certificates.some((one) => one.ca || one.subject === one.issuer)
  if (!trusted)
    throw new CommandError(
      `${file} holds no certificate of a CA, but that of ${nameOf(certificates[0])}`,
      "Give the certificate of the CA that signed it, or recognize the server by its own certificate's SHA-256 fingerprint.",
    )
  return certificates.map(String).join('')
}

async function readCertificates(world: World, file: string): Promise<string> {
  try {
    return await readPem(world, file, 'CERTIFICATE')
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    const hint = `Give it in PEM. If it is PKCS#12 (.p12, .pfx): ${fromPkcs12(file)}`
    throw new CommandError(`${file} cannot be read as a certificate. ${error.message}`, hint, {
      cause: error,
    })
  }
}

function certificatesIn(text: string, file: string): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => {
    try {
      return new X509Certificate(block)
    } catch (error) {
      throw new CommandError(
        `${file} holds a certificate that cannot be read`,
        `Copy it again, as plain text. If it is PKCS#12 (.p12, .pfx): ${fromPkcs12(file)}`,
        { cause: error },
      )
    }
  })
}

function fromPkcs12(file: string): string {
  return `(umask 077; openssl pkcs12 -in ${shellWord(file)} -nodes -out client.pem), and give client.pem as both`
}

const keyBlock = /-----BEGIN ((?:RSA |EC |ENCRYPTED )?PRIVATE KEY)-----/

/** A copy of the block of the private key. The text of a key never becomes a string of ours. */
function onlyKey(file: string, bytes: Buffer): Buffer {
  const label = labelsIn(bytes).find((one) => one.endsWith('PRIVATE KEY'))
  if (label === undefined) {
    const hint = isDer(bytes)
      ? `If it is PKCS#12 (.p12, .pfx): ${fromPkcs12(file)}. If it is a key in DER: openssl pkey -inform DER -in ${shellWord(file)} -out client.key`
      : labelsIn(bytes).includes('CERTIFICATE')
        ? 'Are the two files swapped? The key was made together with the request for the certificate.'
        : 'A private key in PEM has the line "-----BEGIN PRIVATE KEY-----", or RSA or EC before PRIVATE.'
    throw new CommandError(`${file} holds ${contentOf(bytes)}, and no private key in PEM`, hint)
  }
  const end = `-----END ${label}-----`
  const from = bytes.indexOf(`-----BEGIN ${label}-----`)
  const to = bytes.indexOf(end, from)
  if (to < 0)
    throw new CommandError(
      `${file} is cut off: the line "${end}" is missing`,
      'Copy it again, with its last line.',
    )
  const block = Buffer.concat([bytes.subarray(from, to + end.length), Buffer.from('\n')])
  if (label.startsWith('ENCRYPTED') || block.includes('Proc-Type: 4,ENCRYPTED')) {
    block.fill(0)
    throw new CommandError(
      `the private key in ${file} is protected by a passphrase`,
      `Give it without one, in a file that only you can read: (umask 077; openssl pkey -in ${shellWord(file)} -out plain.key)`,
    )
  }
  return block
}

function readPrivateKey(file: string, key: Buffer): KeyObject {
  try {
    return createPrivateKey(key)
  } catch (error) {
    throw new CommandError(
      `the private key in ${file} cannot be read`,
      'It is damaged, or of an algorithm that OpenSSL does not know: copy it again, as plain text.',
      { cause: error },
    )
  }
}

function noCertificate(certFile: string, certText: string, keyFile: string, key: Buffer): CommandError {
  const holdsKey = keyBlock.test(certText)
  const swapped = holdsKey && labelsIn(key).includes('CERTIFICATE')
  if (swapped)
    return new CommandError(
      `the two files are swapped: ${certFile} holds a private key and ${keyFile} a certificate`,
      'Give the certificate as the certificate, and the private key as the key.',
    )
  return new CommandError(
    `${certFile} holds ${contentOf(certText)}, and no certificate`,
    'Give the client certificate in PEM, which begins with "-----BEGIN CERTIFICATE-----".',
  )
}

function notTogether(
  certFile: string,
  certificates: readonly X509Certificate[],
  keyFile: string,
): CommandError {
  const names = certificates.map(nameOf).join('; ')
  return new CommandError(
    `the private key in ${keyFile} does not belong to the certificate in ${certFile} (${names})`,
    'Give the key that this certificate was made with, or the certificate that was made with this key.',
  )
}

function nameOf(certificate: X509Certificate | undefined): string {
  return certificate?.subject.replaceAll('\n', ', ') ?? ''
}

/** The labels of the blocks, such as CERTIFICATE. */
function labelsIn(bytes: Buffer): readonly string[] {
  const labels: string[] = []
  const begin = '-----BEGIN '
  for (let at = bytes.indexOf(begin); at >= 0; at = bytes.indexOf(begin, at + 1)) {
    const from = at + begin.length
    const to = bytes.indexOf('-----', from)
    if (to > from && to - from <= 40) labels.push(bytes.toString('latin1', from, to))
  }
  return labels
}

function isDer(bytes: Buffer): boolean {
  return bytes[0] === 0x30 && (bytes[1] ?? 0) >= 0x80
}

/** Says in words what a file holds instead. */
function contentOf(content: string | Buffer): string {
  const bytes = Buffer.from(content)
  const labels = labelsIn(bytes)
  bytes.fill(0)
  if (content.length === 0) return 'nothing'
  if (labels.some((label) => label.endsWith('PRIVATE KEY'))) return 'a private key'
  if (labels.some((label) => label.endsWith('CERTIFICATE REQUEST'))) return 'a certificate request'
  const [label] = labels
  if (label !== undefined) return `a ${label.toLowerCase()}`
  return isDer(Buffer.from(content)) ? 'binary data (DER or PKCS#12)' : 'no PEM'
}
