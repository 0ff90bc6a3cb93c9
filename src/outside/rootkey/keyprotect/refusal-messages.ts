// Explains a refusal to the administrator, and says what to do about it. Written for people who know little of IBM Cloud:
// each message names the role or the command.

import { callOf, type CallName, type IamRole } from './calls.ts'
import { isTransient, type ServiceRefusal } from './error.ts'
import type { KeyResource } from './answers.ts'
import { findGuid, formatKeyProtectUri, isGuid, services, type KeyProtectUri } from './uri.ts'
import { shellWord } from '../../../base/text/shell-word.ts'

type Target = Pick<KeyProtectUri, 'scheme' | 'host' | 'instance'>

interface Refused {
  readonly target: Target
  readonly call: CallName
  readonly key: string | undefined
  readonly keyRing: string | undefined
  readonly refusal: ServiceRefusal
  /** The owner of the token with which Mortise made the call, as the token names it; '' where it does not. */
  readonly subject: string
  readonly correlationId: string
  /** The service instance has admitted an earlier call of this service ID. */
  readonly admitted: boolean
  /** The role to name instead of the least one for the refused call: Mortise is to make more calls, which together need this role. */
  readonly advises?: IamRole
}

export function explainRefusal(refused: Refused): string {
  return sentence(refused, meaning(refused))
}

/** Explains the refusal of a wrap by a root key that is deactivated. */
export function explainDeactivated(
  refused: Pick<Refused, 'target' | 'refusal' | 'correlationId'>,
  metadata: Pick<KeyResource, 'id' | 'expiresAt'>,
): string {
  const remedy =
    'What it sealed still opens, and new keys take another root key: ' +
    'mortise instance set-root-key NAME --root-key URI --custody keyprotect'
  return sentence(refused, `refuses: ${deactivatedMessage(metadata)}. ${remedy}`)
}

function sentence(
  { target, refusal, correlationId }: Pick<Refused, 'target' | 'refusal' | 'correlationId'>,
  what: string,
): string {
  const said = [`HTTP ${refusal.status}`, refusal.code, `correlation id ${correlationId}`]
  const where = `${services[target.scheme].title} at ${target.host}`
  return `${where} ${what} (${said.filter((word) => word !== '').join(', ')})`
}

function meaning(refused: Refused): string {
  const { target, refusal } = refused
  if (isTransient(refusal)) return refusal.status === 429 ? 'asks for fewer calls' : 'has trouble of its own'
  if (refusal.status === 401 || refusal.status === 403)
    return hasOwnReason(refusal) ? plainly(refused) : `refuses: ${noAccess(refused)}`
  if (refusal.code === 'KEY_RING_NOT_FOUND_ERR')
    return `has no key ring ${refused.keyRing ?? ''} in the instance ${target.instance}`
  return (callOf(refused.call).on === 'standard-key' ? ofStandardKey : ofRootKey)(refused)
}

/** Whether the refusal gives its own reason, as for a feature that is switched off or a rule of the account. A missing role gives none. */
function hasOwnReason({ code, message }: ServiceRefusal): boolean {
  return code !== '' && code !== 'UNAUTHORIZED_ERR' && message !== ''
}

function ofRootKey(refused: Refused): string {
  const { target, call, refusal } = refused
  const key = `the root key ${refused.key ?? ''}`
  if (refusal.code === 'KEY_ROOT_REQ_ERR') return `says that ${standardKeyMessage(refused.key ?? '', target)}`
  switch (refusal.status) {
    case 404:
      return `has no key ${refused.key ?? ''} in ${ringOf(refused.keyRing)}the instance ${target.instance}, or none that this service ID may see. ${listThem(target)}`
    case 409:
      return ['wrap', 'unwrap', 'rewrap'].includes(call)
        ? `refuses: ${key} is not active. ${enableIt(refused.key ?? '', target)}`
        : plainly(refused)
    case 410:
      return `says that ${deleted(refused.key ?? '', target)}`
    case 422:
      return `does not open this with ${key}: it was wrapped by another, or for another place, or it was changed`
    default:
      return plainly(refused)
  }
}

function ringOf(keyRing: string | undefined): string {
  return keyRing === undefined ? '' : `the key ring ${keyRing} of `
}

function ofStandardKey(refused: Refused): string {
  const { target, key = '', keyRing, refusal } = refused
  const ring = keyRing === undefined ? '' : `, key ring ${keyRing}`
  switch (refusal.code) {
    case 'KEY_CREATE_IMPORT_ACCESS_ERR':
      return (
        `refuses: the policy keyCreateImportAccess of the instance ${target.instance} does not let any user import ` +
        'standard keys. A Manager of the instance can allow it (import_standard_key)'
      )
    case 'AUTHORIZATIONS_NOT_MET':
      return (
        `refuses: it takes two persons to delete the standard key ${key} (dual authorization), and no other person has set ` +
        `it for deletion: ${setForDeletion(key, target)}`
      )
  }
  switch (refusal.status) {
    case 404:
      return (
        `has no standard key ${key} in the instance ${target.instance}${ring}: it was purged, or moved to another key ` +
        'ring, or it is none that this service ID may see'
      )
    case 410:
      return `says that ${deletedStandardKey(key, target)}`
    default:
      return plainly(refused)
  }
}

function setForDeletion(key: string, target: Target): string {
  return `ibmcloud kp key schedule-delete ${key} --instance-id ${target.instance} (role Writer or Manager)`
}

/** Advice about a refusal where a role for the service ID does not help. */
export function remedyOf({ code }: ServiceRefusal, target: Target): string | undefined {
  if (code !== 'AUTHORIZATIONS_NOT_MET') return undefined
  return (
    'Another role of the service ID does not help: the deletion needs a second person (dual authorization). Another person sets each ' +
    `of these keys for deletion: ${setForDeletion('KEY', target)}. Within 7 days after that the server deletes it, which tries again every minute. ` +
    'Keys keep this policy; so that new ones do not get it: ' +
    `ibmcloud kp instance policy-update dual-auth-delete --disable --instance-id ${target.instance}. Until they are deleted, a restore from there would bring these keys back.`
  )
}

function plainly({ call, refusal }: Refused): string {
  return `refuses to ${callOf(call).to}: ${refusal.message === '' ? 'it does not say why' : refusal.message}`
}

/** The service gives one answer for three causes: a role is missing, the instance does not exist, or it does not admit this network. */
function noAccess({ target, call, key, keyRing, subject, advises, admitted }: Refused): string {
  const { role: least, to, on } = callOf(call)
  const role = advises ?? least
  const all = advises === undefined ? '' : ' for all that it is to do'
  const who = subject === '' ? 'the service ID' : `the service ID (${subject})`
  const { iamName } = services[target.scheme]
  const onKeyAlone = on === 'root-key' && advises === undefined
  // IAM knows keys by their id: a policy on an alias grants nothing.
  const keyId = onKeyAlone && key !== undefined && isGuid(key) ? key : undefined
  const onKey = keyId === undefined ? '' : ` --resource-type key --resource ${keyId}`
  const onRing = !onKeyAlone && keyRing !== undefined ? `, or grant it for the key ring ${keyRing} alone` : ''
  return (
    `${who} may not ${to}. ${admitted ? '' : isThatTheInstance(target)}` +
    `It needs the service role ${role}${all} there: ibmcloud iam service-policy-create ` +
    `${subject === '' ? 'SERVICE_ID' : subject} --roles ${role} --service-name ${iamName} ` +
    `--service-instance ${target.instance}${onKey}${onRing}. ` +
    'If it has the role, look whether the instance admits calls from this network'
  )
}

function isThatTheInstance({ scheme, host, instance }: Target): string {
  return (
    `Perhaps there is no instance ${instance} at ${host}: compare it with the GUID that ${findGuid} shows for your ` +
    `instance of ${services[scheme].title}. If it is the right one, the service ID lacks a role. `
  )
}

export function deletedStandardKey(key: string, target: Target): string {
  return (
    `the standard key ${key} was deleted in ${services[target.scheme].title}. What it holds is closed until a Manager ` +
    `brings it back, within 30 days: ibmcloud kp key restore ${key} --instance-id ${target.instance} (role Manager)`
  )
}

export function standardKeyMessage(key: string, target: Target): string {
  return (
    `${key} is a standard key and no root key. Make one that is: ` +
    `ibmcloud kp key create NAME --instance-id ${target.instance}`
  )
}

/** The root key expired, or its owner deactivated it. */
export function deactivatedMessage({ id, expiresAt }: Pick<KeyResource, 'id' | 'expiresAt'>): string {
  const ended = expiresAt === null ? 'was deactivated' : `expired at ${expiresAt}`
  return `the root key ${id} ${ended} and seals nothing any more`
}

export function enableIt(key: string, target: Target): string {
  return `If it was disabled: ibmcloud kp key enable ${key} --instance-id ${target.instance} (role Manager)`
}

export function deleted(key: string, target: Target): string {
  return (
    `the root key ${key} was deleted. Within 30 days it can be brought back: ` +
    `ibmcloud kp key restore ${key} --instance-id ${target.instance} (role Manager)`
  )
}

function listThem(target: Target): string {
  const uri = formatKeyProtectUri({ ...target, key: undefined, keyRing: undefined })
  return `mortise root-key list --root-key ${shellWord(uri)} shows those that it may`
}
