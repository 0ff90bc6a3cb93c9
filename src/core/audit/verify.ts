// Proves a log with Node's own hashes and signatures.

import { createPublicKey, hash, verify, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { AuditCheckpoint } from '../ports/audit.ts'
import {
  proveLog,
  signedBody,
  type AuditProof,
  type CheckpointBody,
  type LogParts,
  type LogTrust,
  type ProofCrypto,
} from './proof.ts'

const verifyLater = promisify(verify)

const nodeCrypto: ProofCrypto = {
  sha256: (text) => hash('sha256', text, 'hex'),
  openKey: (publicKey) => {
    const der = Buffer.from(publicKey, 'base64')
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
    if (key.asymmetricKeyType !== 'ed25519') throw new Error('the public key of this log is no Ed25519 key')
    return {
      sha256: hash('sha256', der, 'hex'),
      // Verifies on another thread, since a log has a checkpoint for each minute, and its proof must not delay requests.
      hasSigned: (text, signature) =>
        verifyLater(null, Buffer.from(text), key, Buffer.from(signature, 'base64')),
    }
  },
}

export async function verifyLog(log: LogParts, trust: LogTrust): Promise<AuditProof> {
  return proveLog(log, trust, nodeCrypto)
}

/** The checkpoint's content. Undefined: this key did not sign it. */
export function genuineBody(checkpoint: AuditCheckpoint, key: KeyObject): CheckpointBody | undefined {
  return hasSigned(key, checkpoint.body, checkpoint.signature) ? signedBody(checkpoint) : undefined
}

function hasSigned(key: KeyObject, text: string, signature: string): boolean {
  return verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64'))
}
