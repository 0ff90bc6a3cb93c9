// Key Protect's error bodies: status, code and message of each refusal, once. 401, 403, 429 and plain 500 have no
// `reasons`. Messages are worded after the documentation; clients must not look at them, and some here differ on purpose.

const catalogue = {
  BAD_BODY_ERR: [400, 'Invalid body data was passed. Please ensure the data passed had valid formatting.'],
  INVALID_FIELD_ERR: [400, 'A field is invalid'],
  INVALID_QUERY_PARAM_ERR: [400, 'A query parameter is invalid'],
  NO_BODY_ERR: [400, 'Missing body in request'],
  KEY_ROOT_REQ_ERR: [400, 'Requested action can only be completed with a root key.'],
  KEY_PAYLOAD_REQ_ERR: [
    400,
    "This root key was created with user-supplied key material: Key material is required to perform a 'rotate' action",
  ],
  KEY_EXPIRED_ERR: [400, 'The action could not be performed on the key because the key is expired.'],
  KEY_RESTORE_EXPIRED: [400, 'The time in which the key could be restored is over.'],
  KEY_SEARCH_TOO_BROAD: [400, 'The search covers more than 5000 keys. Narrow it.'],
  BEARER_SUB_EXTRACTION_ERR: [400, 'Extracting the subject from the bearer token failed'],
  KEY_NOT_FOUND_ERR: [404, 'Key does not exist'],
  KEY_RING_NOT_FOUND_ERR: [404, 'Key ring does not exist'],
  KEY_ACTION_INVALID_STATE_ERR: [409, 'Key is not in a valid state'],
  KEY_ALIAS_NOT_UNIQUE_ERR: [409, 'One or more of the aliases are in use already'],
  KEY_ALIAS_QUOTA_ERR: [409, 'A key has at most 5 aliases'],
  KEY_RING_NOT_EMPTY_ERR: [409, 'The key ring has keys'],
  KEY_RING_QUOTA_ERR: [409, 'There are at most 50 key rings in an instance'],
  KEY_ROTATION_NOT_PERMITTED: [
    409,
    "This root key has been rotated within the last hour: Only one 'rotate' action per hour is permitted",
  ],
  AUTHORIZATIONS_NOT_MET: [409, 'Number of authorizations required to delete is not met'],
  REQ_TOO_EARLY_ERR: [409, 'The key was changed just now. Wait.'],
  KEY_DELETED_ERR: [410, 'Key has already been deleted. Please delete references to this key.'],
  UNPROCESSABLE_CIPHERTEXT_ERR: [422, 'The provided ciphertext is invalid or corrupted'],
} as const satisfies Record<string, readonly [number, string]>

export type ReasonCode = keyof typeof catalogue

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'Request Entity Too Large',
  422: 'Unprocessable Entity',
  429: 'Too Many Requests',
}

interface Target {
  readonly type: 'field' | 'query_param'
  readonly name: string
}

/** An answer that is no success. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  readonly body: object

  constructor(status: number, errorMsg: string, reasons?: readonly object[]) {
    super(errorMsg)
    this.status = status
    this.body = {
      metadata: { collectionType: 'application/vnd.ibm.kms.error+json', collectionTotal: 1 },
      resources: [{ errorMsg, ...(reasons && { reasons }) }],
    }
  }
}

/** With a reason code. `doing`: what could not be done. */
export function refusal(
  code: ReasonCode,
  details: { doing?: string; message?: string; target?: Target } = {},
): Refusal {
  const [status, usual] = catalogue[code]
  const { doing = 'Action could not be performed on key', message = usual, target } = details
  const reason = {
    code,
    message,
    status,
    moreInfo: 'https://cloud.ibm.com/apidocs/key-protect',
    ...(target && { target }),
  }
  return new Refusal(
    status,
    `${titles[status] ?? ''}: ${doing}: Please see \`reasons\` for more details (${code})`,
    [reason],
  )
}

export function badField(name: string, mustBe: string): Refusal {
  const target = { type: 'field', name } as const
  return refusal('INVALID_FIELD_ERR', { message: `The field '${name}' must be: ${mustBe}`, target })
}

export function badQuery(name: string, mustBe: string): Refusal {
  const target = { type: 'query_param', name } as const
  return refusal('INVALID_QUERY_PARAM_ERR', {
    message: `The query_param '${name}' must be: ${mustBe}`,
    target,
  })
}

/** Those without reasons. */
export function plainRefusal(status: number, more?: string): Refusal {
  const messages: Readonly<Record<number, string>> = {
    401: 'Unauthorized: The user does not have access to the specified resource',
    403: 'Forbidden: Your IBM Cloud access token is not authorized to access this resource.',
    429: 'Too Many Requests: Please wait a few minutes and try again.',
    500: 'Internal Server Error: IBM Key Protect is currently unavailable. Your request could not be processed. Please try again later.',
  }
  return new Refusal(status, more ?? messages[status] ?? `${titles[status] ?? 'Error'}: no more is known`)
}
