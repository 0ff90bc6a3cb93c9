// The variables and configuration files by which the clients of other projects find the server of `mortise dev`.
// A new client is a line in the table.

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
  /** The operations that it asks for, as docs/clients.md names them. */
  readonly allow: readonly string[]
  /** The instance takes several objects of one Name. */
  readonly sharedNames?: true
}

export const devClients = {
  // Every daemon and tool of Ceph reads options from CEPH_ARGS.
  ceph: {
    allow: ['Locate', 'Get'],
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
    allow: ['Create', 'Register', 'Activate', 'Get', 'GetAttributes', 'Encrypt', 'Decrypt'],
    variables: ({ host, port, pair, ca }) => ({
      CSFLE_TLS_CA_FILE: ca,
      CSFLE_TLS_CLIENT_CERT_FILE: pair,
      MONGOD_KMIP_ARGS: `--kmipServerName ${host} --kmipPort ${port} --kmipServerCAFile ${ca} --kmipClientCertificateFile ${pair}`,
    }),
  },
  // The file belongs beside the component's library, or into the data directory with read_local_config.
  mysql: {
    allow: ['Register', 'Activate', 'Locate', 'Get', 'GetAttributes', 'Revoke', 'Destroy'],
    variables: (_server, file) => ({ COMPONENT_KEYRING_KMIP_CNF: file }),
    file: {
      name: 'component_keyring_kmip.cnf',
      content: ({ host, port, certificate, key, ca }) =>
        `${JSON.stringify({ server_addr: host, server_port: port, client_ca: certificate, client_key: key, server_ca: ca }, null, 2)}\n`,
    },
  },
  // ProxyKmipClient(config_file=os.environ['PYKMIP_CONFIG_FILE']). It gives all its objects one Name.
  pykmip: {
    allow: ['all'],
    variables: (_server, file) => ({ PYKMIP_CONFIG_FILE: file }),
    sharedNames: true,
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
    allow: ['all'],
    variables: ({ host, port, certificate, key, ca }) => ({
      LIBKMIP_ARGS: `-a ${host} -p ${port} -c ${certificate} -k ${key} -r ${ca}`,
    }),
  },
} as const satisfies Readonly<Record<string, DevClient>>

export type DevClientName = keyof typeof devClients

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
