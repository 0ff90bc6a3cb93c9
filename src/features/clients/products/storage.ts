// Storage systems, backup and network devices that fetch keys by KMIP.

import type { ClientPlace, Product } from './product.ts'

const kubernetes = ({ host, address, certificate, key, ca }: ClientPlace) =>
  [
    ['KMS_PROVIDER', 'kmip'],
    ['KMIP_ENDPOINT', address],
    ['TLS_SERVER_NAME', host],
    ['CA_CERT, in the secret', `the content of ${ca}`],
    ['CLIENT_CERT, in the secret', `the content of ${certificate}`],
    ['CLIENT_KEY, in the secret', `the content of ${key}`],
  ] as const

const zkeyOperations = [
  'Create',
  'Register',
  'Locate',
  'Get',
  'GetAttributes',
  'GetAttributeList',
  'AddAttribute',
  'DeleteAttribute',
  'Activate',
  'Revoke',
  'Destroy',
] as const

const zkeySettings = ({ address, certificate, ca }: ClientPlace) =>
  [
    ['zkey kms configure --kmip-server', address],
    ['--client-cert', certificate],
    ['--tls-ca-bundle', ca],
  ] as const

export const storage = {
  rook: {
    title: 'Rook',
    kmip: '1.4',
    allow: ['Register', 'Get', 'Destroy'],
    rules: { lengths: 'as-sent' },
    settings: kubernetes,
    tried: 'its library, run in every CI',
    notes: `Rook opens a TLS connection for every call and begins it with Discover Versions for exactly 1.4. It registers the passphrase of an OSD as an AES key.
Releases that state a length of 256 bits for a longer passphrase are refused, unless the instance takes keys as they are sent (\`--lengths as-sent\`).
Mortise then logs both lengths and enters them in the audit. \`TLS_SERVER_NAME\` is a name in the server's certificate.`,
  },
  'ceph-csi': {
    title: 'ceph-csi',
    kmip: '1.4',
    allow: ['crypto'],
    settings: (place) => [
      ...kubernetes(place),
      ['UNIQUE_IDENTIFIER, in the secret', 'the identifier of the key'],
    ],
    tried: 'its library, run in every CI',
    notes: `ceph-csi opens a TLS connection for every call and begins it with Discover Versions for exactly 1.4, as Rook does. It has the server encrypt the
passphrase of each volume with AES-CBC. Make and activate the key first (\`mortise key create --instance I --name ceph-csi\`, \`mortise key activate\`) and
put its identifier into \`UNIQUE_IDENTIFIER\` of the Kubernetes secret. \`crypto\` lets it use that key and never fetch it. With
\`USE_CRYPTO_RPC: "false"\` it fetches the key and encrypts by itself: that is \`--for ceph-csi-get\`. \`TLS_SERVER_NAME\` is a name in the server's certificate.`,
  },
  'ceph-csi-get': {
    title: 'ceph-csi, `USE_CRYPTO_RPC: "false"`',
    kmip: '1.4',
    allow: ['Get'],
    settings: (place) => [
      ...kubernetes(place),
      ['USE_CRYPTO_RPC', '"false"'],
      ['UNIQUE_IDENTIFIER, in the secret', 'the identifier of the key'],
    ],
    tried: 'its library, run in every CI',
  },
  zkey: {
    title: 'IBM zkey',
    kmip: '1.1–2.1',
    allow: zkeyOperations,
    rules: { legacyWrap: true },
    settings: zkeySettings,
    tried: 'its source, replayed',
    notes: `zkey, of IBM's s390-tools, makes the key of a disk here and fetches it wrapped under an RSA public key that it registers (\`zkey kms configure
--gen-wrapping-key\`): the private key is in its crypto adapter. Its default profile wraps with the padding of PKCS #1 v1.5, which the instance must allow
(\`--legacy-wrap yes\`). Better: copy that profile, set \`wrap-padding-method=OAEP\` and \`wrap-hashing-algorithm=SHA-256\`, name it with \`--profile\`, and
issue the client with \`--for zkey-oaep\`. zkey makes its own private key (\`zkey kms configure --gen-csr zkey.csr\`): let \`mortise client sign\` sign its
request. A profile that makes keys Sensitive needs a manager's word for the wrapping key: \`mortise key set KEY --wraps-sensitive yes\`.`,
  },
  'zkey-oaep': {
    title: 'IBM zkey, a profile with OAEP',
    kmip: '1.1–2.1',
    allow: zkeyOperations,
    settings: (place) => [...zkeySettings(place), ['--profile', 'the name of the profile with OAEP']],
    tried: 'its source, replayed',
  },
  'ceph-rgw': {
    title: 'Ceph RGW',
    kmip: '1.0',
    allow: ['Locate', 'Get'],
    settings: ({ address, certificate, key, ca }) => [
      ['rgw_crypt_s3_kms_backend', 'kmip'],
      ['rgw_crypt_kmip_addr', address],
      ['rgw_crypt_kmip_ca_path', ca],
      ['rgw_crypt_kmip_client_cert', certificate],
      ['rgw_crypt_kmip_client_key', key],
    ],
    tried: 'run in every CI',
    notes: `The object gateway finds a key by its Name and fetches it, for each object that it writes or reads. It keeps a connection for some seconds. Make the key
under the Name that the bucket's encryption names (\`mortise key create --instance I --name mybucketkey\`).`,
  },
  vast: {
    title: 'VAST',
    kmip: '1.4',
    allow: [
      'Create',
      'AddAttribute',
      'Activate',
      'Locate',
      'Get',
      'GetAttributes',
      'ReKey',
      'Revoke',
      'Destroy',
    ],
    tried: 'descriptions, replayed',
    notes: `VAST makes a key without attributes and then adds its Name, its Object Group and its Operation Policy Name, each with an Add Attribute. It asks for
State and Activation Date of each key every minute. It rotates by Re-key: the new key takes over the Names, and Link attributes lead from one key to the
other. The old key stays as it is: VAST revokes and destroys it when it no longer needs it. Its source is closed: the test follows what the maker of another
key server published of VAST 5 in 2026. There VAST used HTTPS (\`POST /kmip\`); if yours does, [open that port](#https-xml-and-json) and name it.`,
  },
  veeam: {
    title: 'Veeam',
    kmip: '1.4',
    allow: ['Locate', 'Get', 'GetAttributes', 'CreateKeyPair', 'Activate', 'Revoke', 'Destroy'],
    tried: 'descriptions, replayed',
    notes: `Veeam Backup & Replication has the server make an RSA pair, keeps the public half, and needs the private one to restore. Its source is closed: the test
follows its help centre and what other servers' makers published. A pair that was activated has to be revoked before it can be destroyed, so \`Revoke\` is
allowed too.`,
  },
  fortigate: {
    title: 'FortiGate',
    kmip: '1.0',
    allow: ['Create', 'Locate', 'Get', 'Activate', 'Destroy'],
    settings: ({ host, port, certificate, key, ca }) => [
      ['config vpn kmip-server, server-list: server', host],
      ['config vpn kmip-server, server-list: port', port],
      ['config vpn kmip-server, server-list: cert', `the local certificate of ${certificate} and ${key}`],
      ['config vpn certificate ca', ca],
    ],
    tried: 'descriptions, replayed',
    notes: `FortiOS searches for each key by its Name, which it puts into a Template-Attribute; the specification has the Name by itself there. Mortise takes both. It
sends a user name and password with each message: Mortise ignores them, unless the client has a credential of its own
(\`client set N --credential required\`). Its source is closed: the test follows what the maker of another key server published of FortiOS 7.6. Mortise
destroys no Active key, so what the device no longer needs may have to be revoked here (\`mortise key revoke\`).`,
  },
  seagate: {
    title: 'Seagate kms',
    kmip: '1.4',
    allow: ['Create', 'Register', 'Locate', 'Get', 'GetAttributes', 'Activate', 'ReKey', 'Revoke', 'Destroy'],
    tried: 'its source, replayed',
    notes: `\`revoke\` always gives the reason Cessation of Operation. KMIP 1.0 to 1.4 let such a key go from Active to Deactivated only, so Mortise refuses it for a
key that was never activated and says what to do. \`destroy uid=\` removes that key at once. \`clear id=\` cannot: after the refused Revoke it names no key.
Choose version 1.4 (\`version major=1 minor=4\`).`,
  },
} as const satisfies Readonly<Record<string, Product>>
