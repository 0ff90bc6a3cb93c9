// Libraries, and programs that are known by the library that they use.

import type { ClientPlace, Product } from './product.ts'

const pykmipConf = ({ host, port, certificate, key, ca }: ClientPlace) =>
  [
    ['pykmip.conf, [client]: host', host],
    ['port', port],
    ['certfile', certificate],
    ['keyfile', key],
    ['ca_certs', ca],
  ] as const

export const libraries = {
  barbican: {
    title: 'Barbican',
    kmip: '1.2',
    allow: ['Create', 'CreateKeyPair', 'Register', 'Get', 'GetAttributes', 'Activate', 'Destroy'],
    rules: { names: 'shared' },
    settings: ({ host, port, certificate, key, ca }) => [
      ['barbican.conf, [kmip_plugin]: host', host],
      ['port', port],
      ['certfile', certificate],
      ['keyfile', key],
      ['ca_certs', ca],
    ],
    tried: 'its plugin, run in every CI',
    notes: `The plugin names every object of a kind alike, so Names repeat (\`--names shared\`). They become unique again only while no two objects that are not
destroyed share one, and the refusal names one that is shared. The plugin takes the key file only with the mode 400: \`chmod 400\` it.`,
  },
  pykmip: {
    title: 'PyKMIP',
    kmip: '1.0–1.4',
    allow: ['all'],
    rules: { names: 'shared' },
    settings: pykmipConf,
    tried: 'run in every CI',
    notes: `PyKMIP's client is run against the server in \`npm run test:real -- clients-pykmip\`: 0.10 as Debian ships it, and 0.11 from PyPI. Its \`pie\` objects have one Name each unless the
application gives another: hence \`--names shared\`. Asked for all attributes of a key, Mortise leaves out Original Creation Date and Random Number Generator,
which PyKMIP cannot read. Keys with links, such as pairs, it cannot read that way: name the attributes.

PyKMIP's own integration tests (of January 2024) were run against Mortise: 31 of 37 pass. The others expect what the specification forbids or leaves out:
deriving keys from keys that are not Active (§3.22), an AES key of 160 bits, wrapping by Cryptographic Parameters that the wrapping key does not have
(§2.1.6), and an Attribute Index of 0 in each answer to Get Attributes. So activate a key before Derive Key, and give a wrapping key the attribute
Cryptographic Parameters. An RSA private key in PKCS#1 that is called PKCS#8, as in PyKMIP's examples, is kept and given back so; so is a public key in PKCS#1
that is called X.509, as Barbican's \`pkcs1_only\` does.`,
  },
  openbao: {
    title: 'OpenBao',
    kmip: '1.2–1.4',
    allow: ['crypto'],
    settings: ({ address, certificate, key, ca }) => [
      ['seal "kmip": endpoint', address],
      ['kms_key_id', 'the identifier of the key'],
      ['client_cert', certificate],
      ['client_key', key],
      ['ca_cert', ca],
    ],
    tried: 'its source, replayed',
    notes: `Auto-unseal encrypts and decrypts with AES-GCM under a key that never leaves. Make and activate the key first
(\`mortise key create --instance I --name unseal\`, \`mortise key activate\`); \`crypto\` is all that it needs ([encrypt.md](encrypt.md)).`,
  },
  krill: {
    title: 'Krill',
    kmip: '1.2',
    allow: [
      'CreateKeyPair',
      'Get',
      'ModifyAttribute',
      'Activate',
      'Sign',
      'Revoke',
      'Destroy',
      'RNGRetrieve',
    ],
    settings: ({ host, port, certificate, key, ca }) => [
      ['krill.conf, [[signers]]: type', 'KMIP'],
      ['host', host],
      ['port', port],
      ['server_ca_cert_path', ca],
      ['client_cert_path', certificate],
      ['client_cert_private_key_path', key],
    ],
    tried: 'its library, run in every CI',
    notes: `Krill refuses a server whose Query lacks an operation that it requires; Mortise lists them whatever the client may do, so allow all of them. Krill makes
RSA pairs, names them after their key identifiers and signs with the private half, which it never fetches. It fetches the public half.`,
  },
  'ovh-kmip-go': {
    title: 'OVH kmip-go',
    kmip: '1.0–1.4',
    allow: ['all'],
    tried: 'run in every CI',
    notes: `The client adds an attribute each time that the application names it. Mortise counts an attribute of one value that comes twice with the same value
once, and refuses two values. AES-GCM works with the parameters in the request or as an attribute of the key.

Its examples (of May 2026) were run against Mortise, 60 of them with \`--names shared\`. The specification forbids what some expect:

- \`State\` in Create Key Pair (§3.22: the server alone sets it). Give an Activation Date that is past instead; all of these examples run so.
- Wrapping by a key whose mask is Encrypt and Decrypt, and that has no Cryptographic Parameters (§2.1.6). Give it the mask Wrap Key and the parameters.
- An initialization vector in the answer to Encrypt that the request gave (§4.29: it is there if the server chose it). Keep your own for Decrypt.

The rest are refusals that the examples ask for: an unknown operation, Usage Limits that are used up, a key that does not fit its algorithm, Destroy of an
Active key.

Cosmian's tests of KMIP 1.0 to 1.4, which use this client (of August 2026, without the one for Hash, which the client lacks), were run too: they fail in six
places, where they expect Never Extractable of a key that was once extractable (§3.51), AES-GCM without a nonce and without Random IV, a key that Re-key
takes out of use (§4.4 leaves it as it is), and an Alternative Name that no client set.`,
  },
  'percona-client': {
    title: "Percona's client",
    kmip: '1.4, 2.0',
    allow: ['all'],
    tried: 'its tests, December 2026',
    notes: `\`kmipclient\` (C++, of May 2026), and \`kmippp\` before it. Its tests, integration tests for KMIP 1.4 and 2.0 among them, were run against Mortise
(\`KMIP_RUN_2_0_TESTS=1 mortise dev -- kmipclient_test\`, December 2026): of 80, 75 pass with unique Names and 77 with \`--names shared\`. One test makes two
keys of one Name, in 1.4 and in 2.0; with unique Names it skips in 1.4 and fails in 2.0. The other three skip: two want Located Items in the answer to a
Locate without Offset Items, which a server may leave out, and one a host that does not connect. The demo programs of both and those of Percona's libkmip run.`,
  },
  libkmip: {
    title: 'libkmip',
    kmip: '1.0–2.0',
    allow: ['all'],
    settings: ({ host, port, certificate, key, ca }) => [
      ['-a', host],
      ['-p', port],
      ['-c', certificate],
      ['-k', key],
      ['-r', ca],
    ],
    tried: 'its demos, run',
    notes: `OpenKMIP's libkmip (C): its demo programs that create, get and destroy keys run. \`demo_query\` ends itself before it reads any answer, since it frees
memory of its stack.`,
  },
} as const satisfies Readonly<Record<string, Product>>
