// Databases that keep their master keys in a key server, and what wraps them for a mainframe's disks.

import type { Product } from './product.ts'

export const databases = {
  'pg-tde': {
    title: 'pg_tde',
    kmip: '1.0',
    allow: ['Register', 'Locate', 'Get'],
    rules: { names: 'unique' },
    settings: ({ host, port, certificate, key, ca }) => [
      ['pg_tde_add_global_key_provider_kmip: address', host],
      ['port', port],
      ['server certificate', ca],
      ['client certificate', certificate],
      ['client key', key],
    ],
    tried: 'its source, replayed',
    notes: `It finds a key by its Name, so Names must be unique. Percona's libkmip of before April 2025 writes a Key Compression Type on
symmetric keys. Mortise ignores it there. Releases that take one file for the client want its certificate and its key in one PEM file.`,
  },
  mongodb: {
    title: 'MongoDB',
    kmip: '1.0, 1.2',
    allow: ['Register', 'Activate', 'Get'],
    settings: ({ address, certificate, key, ca }) => [
      ['kmsProviders: kmip.endpoint', address],
      ['tlsCertificateKeyFile', `one file with ${certificate} and ${key}`],
      ['tlsCAFile', ca],
    ],
    tried: 'run in every CI',
    notes: `The drivers' client-side encryption registers a master key of 96 bytes and fetches it. In delegated mode (\`--for mongodb-delegated\`) the server makes the
master key and encrypts the data keys with it, so that it never leaves: it has no \`Get\` there. One connection carries messages of KMIP 1.0 and 1.2; Mortise
answers each in its own version.`,
  },
  'mongodb-delegated': {
    title: 'MongoDB, delegated',
    kmip: '1.0, 1.2',
    allow: ['Create', 'Activate', 'Encrypt', 'Decrypt'],
    settings: ({ address, certificate, key, ca }) => [
      ['kmsProviders: kmip.endpoint', address],
      ['masterKey: delegated', 'true'],
      ['tlsCertificateKeyFile', `one file with ${certificate} and ${key}`],
      ['tlsCAFile', ca],
    ],
    tried: 'run in every CI',
  },
  mysql: {
    title: 'MySQL',
    kmip: '1.4',
    allow: ['Register', 'Activate', 'Locate', 'Get', 'GetAttributes', 'Revoke', 'Destroy'],
    settings: ({ host, port, certificate, key, ca }) => [
      ['component_keyring_kmip.cnf: server_addr', host],
      ['server_port', port],
      ['client_ca', certificate],
      ['client_key', key],
      ['server_ca', ca],
    ],
    tried: 'its source, read',
    notes: `\`component_keyring_kmip\` of Percona Server: it registers each key under its name, activates it, and reads all keys with their names when it starts. A key
that it removes it revokes first. This follows its source (of 2025); the component itself was not run. Its configuration file is the one that
\`mortise dev --for mysql\` writes.`,
  },
  'edb-tde': {
    title: 'EDB TDE',
    kmip: '1.2',
    allow: ['crypto'],
    settings: ({ host, port, certificate, key, ca }) => [
      ['pykmip.conf, [client]: host', host],
      ['port', port],
      ['certfile', certificate],
      ['keyfile', key],
      ['ca_certs', ca],
      ['--key-uid', 'the identifier of the key'],
      ['--variant', 'pykmip'],
    ],
    tried: 'descriptions, replayed',
    notes: `EDB Postgres wraps its data key by a command, \`edb_tde_kmip_client.py\`, which has the server encrypt and decrypt it with AES-CBC. Make and activate the
key first (\`mortise key create --instance I --name edb-tde\`, \`mortise key activate\`). Choose \`--variant=pykmip\` in both commands (\`PGDATAKEYWRAPCMD\` and
\`PGDATAKEYUNWRAPCMD\`): with \`--variant=thales\` the client puts the initialization vector before the data and names none, which KMIP (§4.30) does not have,
and Mortise refuses that Decrypt. The command uses PyKMIP; it was not run here.`,
  },
} as const satisfies Readonly<Record<string, Product>>
