// The variables and configuration files by which the clients of other projects find the server of `mortise dev`.
// A new client is a line in the table.

import type { ProductRules } from '../features/clients/products/product.ts'
import { productOf, type ProductName } from '../features/clients/products/table.ts'

export interface DevFiles {
  readonly certificate: string
  readonly key: string
  /** Both in one file. */
  readonly pair: string
  readonly ca: string
}

/** HOST and PORT of the server, and the client's files. */
export interface DevServer extends DevFiles {
  readonly host: string
  readonly port: string
}

interface DevClient {
  readonly variables: (server: DevServer, file: string) => Readonly<Record<string, string>>
  /** A configuration file, made beside the certificates. */
  readonly file?: { readonly name: string; readonly content: (server: DevServer) => string }
  /** Its lines of the table of products, which say what it may ask for and which rules its instance needs. */
  readonly products: readonly ProductName[]
  /** Operations that its tests request beyond these. */
  readonly also?: readonly string[]
}

export const devClients = {
  // Every daemon and tool of Ceph reads options from CEPH_ARGS.
  ceph: {
    products: ['ceph-rgw'],
    variables: ({ host, port, certificate, key, ca }) => ({
      CEPH_ARGS: [
        '--rgw_crypt_s3_kms_backend=kmip',
        `--rgw_crypt_kmip_addr=${host}:${port}`,
        `--rgw_crypt_kmip_ca_path=${ca}`,
        `--rgw_crypt_kmip_client_cert=${certificate}`,
        `--rgw_crypt_kmip_client_key=${key}`,
      ].join(' '),
    }),
  },
  // The drivers' tests of client-side encryption read CSFLE_...; mongod takes the same as flags.
  mongodb: {
    products: ['mongodb', 'mongodb-delegated'],
    also: ['GetAttributes'],
    variables: ({ host, port, pair, ca }) => ({
      CSFLE_TLS_CA_FILE: ca,
      CSFLE_TLS_CLIENT_CERT_FILE: pair,
      MONGOD_KMIP_ARGS: `--kmipServerName ${host} --kmipPort ${port} --kmipServerCAFile ${ca} --kmipClientCertificateFile ${pair}`,
    }),
  },
  // The file belongs beside the component's library, or into the data directory with read_local_config.
  mysql: {
    products: ['mysql'],
    variables: (_server, file) => ({ COMPONENT_KEYRING_KMIP_CNF: file }),
    file: {
      name: 'component_keyring_kmip.cnf',
      content: ({ host, port, certificate, key, ca }) =>
        `${JSON.stringify({ server_addr: host, server_port: port, client_ca: certificate, client_key: key, server_ca: ca }, null, 2)}\n`,
    },
  },
  // ProxyKmipClient(config_file=os.environ['PYKMIP_CONFIG_FILE']). It gives all its objects one Name.
  pykmip: {
    products: ['pykmip'],
    variables: (_server, file) => ({ PYKMIP_CONFIG_FILE: file }),
    file: {
      name: 'pykmip.conf',
      content: ({ host, port, certificate, key, ca }) =>
        [
          '[client]',
          `host=${host}`,
          `port=${port}`,
          `certfile=${certificate}`,
          `keyfile=${key}`,
          `ca_certs=${ca}`,
          'cert_reqs=CERT_REQUIRED',
          'ssl_version=PROTOCOL_SSLv23',
          '',
        ].join('\n'),
    },
  },
  // The demo programs of libkmip take these arguments.
  libkmip: {
    products: ['libkmip'],
    variables: ({ host, port, certificate, key, ca }) => ({
      LIBKMIP_ARGS: `-a ${host} -p ${port} -c ${certificate} -k ${key} -r ${ca}`,
    }),
  },
} as const satisfies Readonly<Record<string, DevClient>>

export type DevClientName = keyof typeof devClients

/** The rights of a client that is each of these, and the rules that its instance needs. */
export function devNeeds(names: readonly DevClientName[]): { allow: string[]; rules: ProductRules } {
  const clients: readonly DevClient[] = names.map((name) => devClients[name])
  const lines = clients.flatMap(({ products }) => products.map((product) => productOf(product)))
  const allow = [...lines.flatMap((line) => line.allow), ...clients.flatMap(({ also = [] }) => also)]
  return {
    allow: [...new Set(allow)],
    rules: Object.assign({}, ...lines.map(({ rules }) => rules)) as ProductRules,
  }
}

/** The names that the tests of Percona's MySQL, PostgreSQL and XtraBackup read, Rook's endpoint, and one of ours: a PEM of both. */
export function commonVariables({ host, port, certificate, key, pair, ca }: DevServer) {
  return {
    KMIP_ENDPOINT: `${host}:${port}`,
    KMIP_ADDR: host,
    KMIP_PORT: port,
    KMIP_CLIENT_CA: certificate,
    KMIP_CLIENT_KEY: key,
    KMIP_CLIENT_PEM: pair,
    KMIP_SERVER_CA: ca,
  }
}
