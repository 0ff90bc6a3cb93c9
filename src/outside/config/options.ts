// The options of the server itself as one table, and long because of that. A feature's options are in the options.ts of its folder, except those
// that a server without the feature must notice (siem, approval), those that host/ reads for it (oidc), and those of backups, which a drill
// turns off. docs/configuration.md is printed from all of them (scripts/print-configuration.ts).

import path from 'node:path'
import { z } from 'zod'
import { guardedActs } from '../../core/ports/guarded-acts.ts'
import { auditKeepDaysMin, postgresLeaseMsMax } from '../../base/bounds.ts'
import { option, type OptionValues } from '../../base/option.ts'
import {
  addressOrSubnet,
  filePath,
  guardedActList,
  hostAndPort,
  hostAndPortOrNone,
  httpsOrEmpty,
  issuerUrl,
  keepDays,
  mappedRole,
  plainName,
  syslogPlace,
  tracesUrl,
} from './schemas.ts'

const workersMax = 64

const kmipVersions = ['1.0', '1.1', '1.2', '1.3', '1.4', '2.0', '2.1'] as const
const kmipDrafts = ['3.0'] as const

/** By section and name, as in mortise.toml. */
export const options = {
  server: {
    data: option({
      schema: z
        .string()
        .min(1)
        .transform((text) => path.resolve(text))
        // In /proc, a folder that is made does not appear, and Node.js tries for ever.
        .refine(
          (folder) => !/^\/(proc|sys)(\/|$)/.test(folder),
          'name a folder on a disk, not in /proc or /sys',
        ),
      initial: './mortise-data',
      variable: 'MORTISE_DATA',
      flag: 'data',
      text: 'The folder of the database, the root key file, and the files by which the command line finds the server.',
      reason:
        'Relative to the folder in which the process started. Must be on a local disk: SQLite does not work on network file systems.',
    }),
    store: option({
      schema: z.string(),
      initial: '',
      variable: 'MORTISE_STORE',
      text: 'Where keys are stored: a SQLite file, or a PostgreSQL database as postgres://user@host[,host2]/database?sslmode=verify-full.',
      reason:
        'Empty: mortise.db in the data folder, which one server uses alone. Several hosts are tried until one takes changes. The password is never in the URL, which logs and process lists may show.',
    }),
    storePasswordFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_STORE_PASSWORD_FILE',
      secret: true,
      text: 'A file whose first line is the password of the PostgreSQL user.',
      reason:
        'Empty: the file that PGPASSFILE names, or ~/.pgpass, or no password. Read for each connection, so that you can replace it while the server runs.',
    }),
    node: option({
      schema: z.string().max(253),
      initial: '',
      variable: 'MORTISE_NODE',
      text: 'The name of this node, which the PostgreSQL database knows it by. Each node needs its own.',
      reason:
        'Empty: the name of the machine. A node that comes back under its name needs the anchor in its data folder; a new name starts from the database.',
    }),
    leaseSeconds: option({
      schema: z
        .int()
        .min(2)
        .max(postgresLeaseMsMax / 1000),
      initial: 8,
      variable: 'MORTISE_LEASE_SECONDS',
      text: 'How long this node answers after PostgreSQL last confirmed a commit of it.',
      reason:
        'A node that was cut off with an old primary must stop before another server takes its place. Shorter: a slow database stops the service sooner. Not used with SQLite.',
    }),
    rootKey: option({
      schema: z.string().regex(/^[a-z][a-z0-9+.-]*:./, 'must be a URI such as file:root.key'),
      initial: 'file:root.key',
      variable: 'MORTISE_ROOT_KEY',
      text: "The URI of the root key that seals the server's own secrets.",
      reason:
        'A file is relative to the data folder. Chosen when the store is created: a server does not start on a store that another root key sealed.',
    }),
    rootPassphraseFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_ROOT_PASSPHRASE_FILE',
      secret: true,
      text: 'A file with the passphrase that protects file:root.key.',
      reason:
        'Empty: none, and every user who can read the data folder can open its keys. A file and not a value, so that no process list shows the passphrase.',
    }),
    fips: option({
      schema: z.boolean(),
      initial: false,
      variable: 'MORTISE_FIPS',
      text: "Compute with OpenSSL's FIPS provider alone, as docs/fips.md describes.",
      reason:
        'It needs a module of the machine, which mortise fips setup finds and tests, and it takes away what is not approved: backups and exports for age recipients, passphrases under scrypt, X25519, secp256k1 and others.',
    }),
    acceptShortPassphrase: option({
      schema: z.boolean(),
      initial: false,
      variable: 'MORTISE_ACCEPT_SHORT_PASSPHRASE',
      text: 'Allow root key files with a passphrase of fewer than 12 characters.',
      reason:
        'A thief who copies the file can try passphrases on other machines. The server opens an existing file in any case.',
    }),
    names: option({
      schema: z.array(z.string().min(1).max(253)).max(50),
      initial: [],
      variable: 'MORTISE_SERVER_NAMES',
      live: true,
      text: 'DNS names and IP addresses in the server certificate, in addition to those of this machine.',
      reason:
        'You enter a name or an address in vCenter; the certificate should contain it. Used when a certificate is created.',
    }),
    workers: option({
      schema: z.union([z.int(), z.string()]).transform((workers, context): number | 'auto' => {
        if (workers === 'auto') return workers
        if (typeof workers === 'number' && workers >= 1 && workers <= workersMax) return workers
        context.addIssue(`must be a number from 1 to ${workersMax}, or auto`)
        return 1
      }),
      initial: 1,
      variable: 'MORTISE_WORKERS',
      text: 'Processes that serve KMIP. More than one needs PostgreSQL; auto is one for each core there, and one with SQLite.',
      reason:
        'One core does some hundred tasks of vCenter in a second. Each further process takes memory (about 180 MB) and up to six connections of PostgreSQL. SQLite has one writer: several starve one another for seconds.',
    }),
  },
  kmip: {
    listen: option({
      schema: hostAndPort(),
      initial: '[::]:5696',
      variable: 'MORTISE_KMIP',
      flag: 'kmip',
      text: 'Where KMIP clients connect, with TLS.',
      reason:
        '5696 is the registered port and the default of vCenter. [::] accepts IPv4 too. Port 0 picks a free port.',
    }),
    versions: option({
      schema: z.array(z.enum(kmipVersions)).min(1),
      initial: [...kmipVersions],
      variable: 'MORTISE_KMIP_VERSIONS',
      text: 'The versions of KMIP that the server speaks.',
      reason:
        'A client that asks for the versions and takes the newest one that is listed may not know it. Leave out what such a client does not speak.',
    }),
    drafts: option({
      schema: z.array(z.enum(kmipDrafts)),
      initial: [],
      variable: 'MORTISE_KMIP_DRAFTS',
      text: 'Drafts of KMIP that the server speaks besides: 3.0, of which docs/kmip-conformance.md says how much.',
      reason:
        'A draft may still change, and then this server changes with it, without a way back for what clients wrote by it. For trials, not for production.',
    }),
    https: option({
      schema: hostAndPortOrNone(),
      initial: '',
      variable: 'MORTISE_KMIP_HTTPS',
      flag: 'kmip-https',
      text: 'Where KMIP clients connect with HTTPS, such as [::]:5698: POST of messages to /kmip, in TTLV, XML or JSON by Content-Type.',
      reason:
        'Empty: nowhere, since vSphere does not use it. The same clients, certificates and bounds as on kmip.listen.',
    }),
    hosts: option({
      schema: z.array(z.string().min(1).max(253)).max(50),
      initial: [],
      variable: 'MORTISE_KMIP_HOSTS',
      live: true,
      text: 'Names by which clients may address KMIP over HTTPS, in addition to addresses and the names in the server certificate.',
      reason:
        'A request with another Host may come from a browser that a web page led here by a name that the page controls. This version logs a warning; a later one refuses it.',
    }),
    interop: option({
      schema: z.boolean(),
      initial: false,
      variable: 'MORTISE_KMIP_INTEROP',
      text: 'Answer the operation Interop, by which a test of interoperability says that it begins or ends.',
      reason: 'The specification wants it off in production. It changes nothing but the audit log.',
    }),
    proxyProtocolFrom: option({
      schema: z.array(addressOrSubnet()).max(50),
      initial: [],
      variable: 'MORTISE_KMIP_PROXY_PROTOCOL_FROM',
      text: 'Addresses and subnets of TCP load balancers, such as 10.0.0.5 or 10.1.0.0/16. A connection from one must begin with a PROXY protocol header, version 2, and counts as its client’s.',
      reason:
        'Without it the audit log shows the address of the load balancer, and all clients share what one address may have. List only what sends the header: a client that connects from a listed address can claim any address.',
    }),
  },
  admin: {
    listen: option({
      schema: hostAndPort(),
      initial: '127.0.0.1:5697',
      variable: 'MORTISE_ADMIN',
      flag: 'admin',
      text: 'Where administrators connect, with HTTPS.',
      reason: 'From this machine only, unless you decide otherwise: a manager token can destroy keys.',
    }),
    hosts: option({
      schema: z.array(z.string().min(1).max(253)).max(50),
      initial: [],
      variable: 'MORTISE_ADMIN_HOSTS',
      live: true,
      text: 'Names by which clients may address the admin API, in addition to localhost, the address it listens on, and server.names.',
      reason:
        'The server refuses requests with another Host, so that a web page cannot reach it by a name that the page controls.',
    }),
    console: option({
      schema: z.boolean(),
      initial: true,
      variable: 'MORTISE_ADMIN_CONSOLE',
      text: 'Whether the server shows the console, its web pages, where the admin API listens.',
      reason:
        'The console does nothing that the API does not allow; an administrator who wants the API alone turns it off.',
    }),
  },
  ibm: {
    apiKeyFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_IBM_API_KEY_FILE',
      secret: true,
      text: 'A file with the API key of the service ID that uses root keys in Key Protect and HPCS, for instances without their own API key.',
      reason:
        'It needs the role Reader on the root key, and Manager for the custody keyprotect. A file and not a value, so that no process list shows the key. Read again for each token, so that you can replace it while the server runs.',
    }),
    iamUrl: option({
      schema: z.url({ protocol: /^https$/, error: 'must be a URL that begins with https://' }),
      initial: 'https://iam.cloud.ibm.com',
      variable: 'MORTISE_IBM_IAM_URL',
      text: 'The address at which IAM issues tokens for API keys; Mortise appends /identity/token.',
      reason: 'For IBM’s private network: https://private.iam.cloud.ibm.com.',
    }),
    caFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_IBM_CA_FILE',
      text: 'A PEM file with the CAs that IAM, Key Protect and HPCS must be certified by, instead of the public ones.',
      reason:
        'For a proxy that terminates TLS, and for the Key Protect fake. Empty: the public CAs that come with Node.js.',
    }),
  },
  pkcs11: {
    modules: option({
      schema: z.array(z.string().max(4096).regex(/^\//, 'must be paths that begin with /')).max(20),
      initial: [],
      variable: 'MORTISE_PKCS11_MODULES',
      text: 'Paths of the PKCS #11 modules that root keys on tokens (pkcs11:) may use, such as /usr/lib/softhsm/libsofthsm2.so.',
      reason: 'Empty: none. A module runs as this server does, so the admin API alone cannot name one.',
    }),
    credentials: option({
      schema: filePath(),
      initial: '',
      variable: 'CREDENTIALS_DIRECTORY',
      text: 'The folder in which pin-source=credential:NAME finds the PIN of a token.',
      reason: 'systemd sets the variable for a unit with LoadCredential= or LoadCredentialEncrypted=.',
    }),
  },
  vault: {
    address: option({
      schema: httpsOrEmpty(),
      initial: '',
      variable: 'MORTISE_VAULT_ADDRESS',
      text: 'The address of the HashiCorp Vault or OpenBao that has the root keys of the kind vault:, such as https://vault.example.com:8200.',
      reason:
        'Empty: none. It is no part of a root key’s URI, so that no caller of the admin API can have this server show its token to another server.',
    }),
    caFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_VAULT_CA_FILE',
      text: 'A PEM file with the CAs that Vault must be certified by, instead of the public ones.',
      reason: 'Empty: the public CAs that come with Node.js.',
    }),
    namespace: option({
      schema: z
        .string()
        .max(253)
        .regex(/^[\x21-\x7e]*$/, 'must be the path of a namespace'),
      initial: '',
      variable: 'MORTISE_VAULT_NAMESPACE',
      text: 'The namespace in which Mortise logs in and uses keys.',
      reason: 'Empty: the root namespace, the only one that Vault’s community edition has.',
    }),
    tokenFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_VAULT_TOKEN_FILE',
      secret: true,
      text: 'A file with a token, for logins by token.',
      reason:
        'Name one of tokenFile, roleId and kubernetesRole. Mortise renews the token; if Vault Agent does, it reads the file again. A file and not a value, so that no process list shows it.',
    }),
    roleId: option({
      schema: z
        .string()
        .max(1000)
        .regex(/^[\x21-\x7e]*$/, 'must be a role ID'),
      initial: '',
      variable: 'MORTISE_VAULT_ROLE_ID',
      text: 'The role ID, for logins by AppRole.',
      reason: 'Empty: no login by AppRole. A role ID is no secret; the secret ID is.',
    }),
    secretIdFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_VAULT_SECRET_ID_FILE',
      secret: true,
      text: 'A file with the secret ID of that role.',
      reason: 'Read again for each login, so that you can replace it while the server runs.',
    }),
    kubernetesRole: option({
      schema: z.string().max(253),
      initial: '',
      variable: 'MORTISE_VAULT_KUBERNETES_ROLE',
      text: 'The role of Vault’s Kubernetes auth method, for logins as a service account.',
      reason: 'Empty: no login as a service account.',
    }),
    kubernetesTokenFile: option({
      schema: filePath(),
      initial: '/var/run/secrets/kubernetes.io/serviceaccount/token',
      variable: 'MORTISE_VAULT_KUBERNETES_TOKEN_FILE',
      text: 'The token of that service account.',
      reason:
        'Where Kubernetes puts it; a projected token for Vault’s audience lies elsewhere. Read again for each login.',
    }),
    authMount: option({
      schema: z
        .string()
        .max(253)
        .regex(/^[\w./-]*$/, 'must be the path of an auth method'),
      initial: '',
      variable: 'MORTISE_VAULT_AUTH_MOUNT',
      text: 'Where the auth method is mounted, below auth/.',
      reason: 'Empty: approle or kubernetes, as Vault mounts them unless told otherwise.',
    }),
  },
  aws: {
    kmsEndpoint: option({
      schema: httpsOrEmpty(),
      initial: '',
      variable: 'MORTISE_AWS_KMS_ENDPOINT',
      text: 'The address of AWS KMS, for root keys of the kind aws-kms: in any region.',
      reason:
        'Empty: the public one of the region that the ARN names. For a VPC endpoint, or a FIPS endpoint such as https://kms-fips.us-east-1.amazonaws.com.',
    }),
    caFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_AWS_CA_FILE',
      text: 'A PEM file with the CAs that AWS KMS must be certified by, instead of the public ones.',
      reason: 'For a proxy that terminates TLS. Empty: the public CAs that come with Node.js.',
    }),
    credentialsFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_AWS_CREDENTIALS_FILE',
      secret: true,
      text: 'A credentials file of the form that AWS tools share.',
      reason:
        'Empty: AWS’s own chain decides, that is AWS_* variables, ~/.aws, web identity, the roles of ECS, EKS and EC2. A file and not a value, so that no process list shows the key.',
    }),
    profile: option({
      schema: z
        .string()
        .max(100)
        .regex(/^[\w.-]*$/, 'must be the name of a profile'),
      initial: '',
      variable: 'MORTISE_AWS_PROFILE',
      text: 'The profile in that file, or in ~/.aws.',
      reason: 'Empty: AWS_PROFILE, or default.',
    }),
  },
  azure: {
    tenantId: option({
      schema: plainName('a directory (tenant)'),
      initial: '',
      variable: 'MORTISE_AZURE_TENANT_ID',
      text: 'The directory (tenant) of the application that Mortise acts as, for root keys of the kind azure-kv:, by its id or domain.',
      reason: 'Empty: no login as an application.',
    }),
    clientId: option({
      schema: plainName('the id of an application'),
      initial: '',
      variable: 'MORTISE_AZURE_CLIENT_ID',
      text: 'The client id of that application, or of a managed identity.',
      reason: 'With managedIdentity empty: the identity of the machine itself.',
    }),
    clientSecretFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_AZURE_CLIENT_SECRET_FILE',
      secret: true,
      text: 'A file with a client secret of the application.',
      reason:
        'Name one of clientSecretFile, clientCertificateFile, federatedTokenFile and managedIdentity. Read again for each login, so that you can replace it while the server runs.',
    }),
    clientCertificateFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_AZURE_CLIENT_CERTIFICATE_FILE',
      secret: true,
      text: 'A PEM file with a certificate of the application and its RSA private key.',
      reason: 'Better than a secret: the key is never sent.',
    }),
    federatedTokenFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_AZURE_FEDERATED_TOKEN_FILE',
      secret: true,
      text: 'A file with a token of an issuer that the application trusts (workload identity).',
      reason: 'In AKS: /var/run/secrets/azure/tokens/azure-identity-token.',
    }),
    managedIdentity: option({
      schema: z.boolean(),
      initial: false,
      variable: 'MORTISE_AZURE_MANAGED_IDENTITY',
      text: 'Log in as the managed identity of this virtual machine.',
      reason: 'The metadata service of the machine gives out the tokens: there is no secret to keep.',
    }),
    loginAddress: option({
      schema: httpsOrEmpty(),
      initial: 'https://login.microsoftonline.com',
      variable: 'MORTISE_AZURE_LOGIN_ADDRESS',
      text: 'The address of Microsoft Entra ID.',
      reason:
        'The public cloud. Azure Government: https://login.microsoftonline.us; in China: https://login.partner.microsoftonline.cn.',
    }),
    endpoint: option({
      schema: httpsOrEmpty(),
      initial: '',
      variable: 'MORTISE_AZURE_ENDPOINT',
      text: 'The address of the vault or the Managed HSM, whatever its URI says.',
      reason:
        'Empty: https:// and the host in the URI. A private endpoint needs nothing here, since its name stays the same.',
    }),
    caFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_AZURE_CA_FILE',
      text: 'A PEM file with the CAs that Azure must be certified by, instead of the public ones.',
      reason: 'For a proxy that terminates TLS. Empty: the public CAs that come with Node.js.',
    }),
  },
  gcp: {
    credentialsFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_GCP_CREDENTIALS_FILE',
      secret: true,
      text: 'The key file of the service account that Mortise acts as, for root keys of the kind gcp-kms:.',
      reason:
        'Empty: the service account of the machine, by its metadata server (Compute Engine, GKE). Read again for each login, so that you can replace it while the server runs.',
    }),
    kmsEndpoint: option({
      schema: httpsOrEmpty(),
      initial: 'https://cloudkms.googleapis.com',
      variable: 'MORTISE_GCP_KMS_ENDPOINT',
      text: 'The address of Cloud KMS.',
      reason: 'The public one. For a regional endpoint, or one of Private Service Connect.',
    }),
    caFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_GCP_CA_FILE',
      text: 'A PEM file with the CAs that Google must be certified by, instead of the public ones.',
      reason: 'For a proxy that terminates TLS. Empty: the public CAs that come with Node.js.',
    }),
  },
  audit: {
    reads: option({
      schema: z.enum(['process', 'durable']),
      initial: 'process',
      variable: 'MORTISE_AUDIT_READS',
      live: true,
      text: 'What the access record of a Get survives at the moment the key is sent: a killed process, or power loss too (durable).',
      reason:
        'With "process", power loss may lose the records of the last 100 ms. With "durable", every Get waits for the disk.',
    }),
    keep: option({
      schema: keepDays(),
      initial: '',
      variable: 'MORTISE_AUDIT_KEEP',
      live: true,
      text: 'How long audit entries stay, such as 400d; older ones are pruned once a day, and the rest can still be verified.',
      reason: `Empty: for ever. At least ${auditKeepDaysMin}d. Export them before (mortise audit export): a pruned entry is gone.`,
    }),
  },
  oidc: {
    issuer: option({
      schema: issuerUrl(),
      initial: '',
      variable: 'MORTISE_OIDC_ISSUER',
      text: 'The identity provider through which people log in, exactly as it names itself, such as https://login.example.com/realms/staff.',
      reason:
        'Empty: none, and every person needs a token. The server asks it only when a person logs in: while it is down, keys are served and tokens count as ever. docs/oidc.md has the steps.',
    }),
    name: option({
      schema: z.string().max(60),
      initial: '',
      variable: 'MORTISE_OIDC_NAME',
      text: 'How the console names it: Log in with NAME.',
      reason: 'Empty: the host of oidc.issuer.',
    }),
    clientId: option({
      schema: z.string().max(512),
      initial: '',
      variable: 'MORTISE_OIDC_CLIENT_ID',
      text: 'The id by which the provider knows Mortise.',
      reason:
        'Register /login/callback of this server there, and http://127.0.0.1/callback with any port for the command line (docs/oidc.md).',
    }),
    clientSecretFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_OIDC_CLIENT_SECRET_FILE',
      secret: true,
      text: 'A file whose first line is the secret of that client.',
      reason:
        'Empty: a public client, which has none. A file and not a value, so that no process list shows the secret. Read for each login.',
    }),
    cliClientId: option({
      schema: z.string().max(512),
      initial: '',
      variable: 'MORTISE_OIDC_CLI_CLIENT_ID',
      text: 'The id of another, public client for `mortise login`.',
      reason:
        'Empty: the same client. Some providers take addresses of a loopback interface and device codes from "native" clients only.',
    }),
    scopes: option({
      schema: z
        .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/))
        .max(50)
        .refine((scopes) => scopes.includes('openid'), 'must contain openid'),
      initial: ['openid', 'profile', 'email'],
      variable: 'MORTISE_OIDC_SCOPES',
      text: 'What is asked of the provider.',
      reason: 'Some send groups only for a scope of their own, such as groups.',
    }),
    caFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_OIDC_CA_FILE',
      text: 'A PEM file with the CAs of which one must have issued the certificate of the provider.',
      reason: 'Empty: the public CAs that come with Node.js. Read for each login.',
    }),
    groupsClaim: option({
      schema: z.string().min(1).max(200),
      initial: 'groups',
      variable: 'MORTISE_OIDC_GROUPS_CLAIM',
      text: "The claim that lists a person's groups: its name, or a path such as realm_access.roles.",
      reason: 'Looked for in the ID token, and then in the answer of the userinfo endpoint.',
    }),
    roles: option({
      schema: z.array(mappedRole()).max(1000),
      initial: [],
      variable: 'MORTISE_OIDC_ROLES',
      live: true,
      text: 'Which groups have which role: "GROUP=viewer", "GROUP=operator" or "GROUP=manager", for all instances, or for one: "GROUP=operator@INSTANCE".',
      reason:
        'No person has a role without a group that is listed here. A change counts with the next request of every person who is logged in. A group is named as the provider sends it, which may be an id.',
    }),
    sessionMinutes: option({
      schema: z.int().min(5).max(1440),
      initial: 480,
      variable: 'MORTISE_OIDC_SESSION_MINUTES',
      live: true,
      text: 'How long a person stays logged in at most.',
      reason:
        'A person who leaves a group at the provider keeps the role here until then, unless a manager ends the session (mortise session end).',
    }),
    idleMinutes: option({
      schema: z.int().min(5).max(1440),
      initial: 30,
      variable: 'MORTISE_OIDC_IDLE_MINUTES',
      live: true,
      text: 'How long a person stays logged in without doing anything.',
      reason: 'A person may leave a machine that others can use.',
    }),
  },
  traces: {
    endpoint: option({
      schema: tracesUrl(),
      initial: '',
      variable: 'MORTISE_TRACES_ENDPOINT',
      text: 'A receiver of OpenTelemetry traces (OTLP over HTTP), such as http://127.0.0.1:4318/v1/traces.',
      reason:
        'Empty: none. Traces show where the time of each request goes; they hold no key bytes and no identifiers of objects.',
    }),
    percent: option({
      schema: z.int().min(0).max(100),
      initial: 100,
      variable: 'MORTISE_TRACES_PERCENT',
      text: 'How many of a hundred requests are traced.',
      reason: 'A span takes some microseconds, and its receiver has to store it.',
    }),
    identities: option({
      schema: z.boolean(),
      initial: false,
      variable: 'MORTISE_TRACES_IDENTITIES',
      text: "Whether a span tells who asked: the client's address and the fingerprint of its certificate.",
      reason: 'Those who see the traces may not be those who see the audit log.',
    }),
  },
  siem: {
    syslog: option({
      schema: syslogPlace(),
      initial: '',
      variable: 'MORTISE_SIEM_SYSLOG',
      text: 'A receiver of syslog that gets the audit log: tls://HOST:PORT (RFC 5425, usually port 6514) or tcp://HOST:PORT.',
      reason:
        'Empty: none. The receiver gets every entry from the oldest one on, in order and at least once, also after an outage of its own. TCP shows every listener on the way who uses which key.',
    }),
    format: option({
      schema: z.enum(['json', 'cef']),
      initial: 'json',
      variable: 'MORTISE_SIEM_FORMAT',
      text: 'The text of each syslog message: JSON, or the Common Event Format (cef).',
      reason: 'JSON has the exact text of the entry, so that its chain can be checked there too.',
    }),
    caFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_SIEM_CA_FILE',
      text: 'A PEM file with the CAs of which one must have issued the certificate of the receiver.',
      reason: 'Empty: the public CAs that come with Node.js. Read for each connection.',
    }),
    certificateFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_SIEM_CERTIFICATE_FILE',
      text: 'A PEM file with the certificate that this server shows to the receiver.',
      reason: 'Empty: none. Read for each connection, as is siem.keyFile.',
    }),
    keyFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_SIEM_KEY_FILE',
      secret: true,
      text: 'A PEM file with the private key of that certificate.',
      reason: 'Empty: none.',
    }),
    file: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_SIEM_FILE',
      text: 'A file to which the audit log is appended, one JSON object in each line, for Filebeat, Fluent Bit, Vector or the like.',
      reason:
        'Empty: none. Mortise never removes anything from it: rotate it by renaming (logrotate without copytruncate).',
    }),
  },
  backup: {
    enabled: option({
      schema: z.boolean(),
      initial: true,
      variable: 'MORTISE_BACKUP_ENABLED',
      live: true,
      text: 'Whether the server makes backups by itself: soon after new keys, and once a day.',
      reason: 'A key that is in no backup is lost with the disk, and with it what it encrypts.',
    }),
    folder: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_BACKUP_FOLDER',
      text: 'The folder of the backups.',
      reason:
        'Empty: backups/ in the data folder. That is the same disk and no other machine: copy them elsewhere (backup.after).',
    }),
    delaySeconds: option({
      schema: z.int().min(0).max(3600),
      initial: 30,
      variable: 'MORTISE_BACKUP_DELAY_SECONDS',
      live: true,
      text: 'How long after a new key a backup starts.',
      reason: 'Keys often come several at a time; one backup holds them all.',
    }),
    everySecondsMin: option({
      schema: z.int().min(10).max(86_400),
      initial: 300,
      variable: 'MORTISE_BACKUP_EVERY_SECONDS_MIN',
      live: true,
      text: 'Backups start at least this far apart.',
      reason: 'Each one reads and writes everything.',
    }),
    everySecondsMax: option({
      schema: z
        .int()
        .min(600)
        .max(30 * 86_400),
      initial: 86_400,
      variable: 'MORTISE_BACKUP_EVERY_SECONDS_MAX',
      live: true,
      text: 'A backup starts at the latest this long after the last one, also without new keys.',
      reason: 'Revoked keys, withdrawn trust and the audit log change too.',
    }),
    keepLast: option({
      schema: z.int().min(1).max(1000),
      initial: 6,
      variable: 'MORTISE_BACKUP_KEEP_LAST',
      live: true,
      text: 'How many of the newest backups are kept.',
      reason: 'Older ones are removed once a newer one is whole.',
    }),
    keepDaily: option({
      schema: z.int().min(0).max(1000),
      initial: 14,
      variable: 'MORTISE_BACKUP_KEEP_DAILY',
      live: true,
      text: 'Of how many days the newest backup is kept besides.',
      reason: 'Damage may be noticed late.',
    }),
    after: option({
      schema: z.array(z.string().min(1).max(4096)).max(50),
      initial: [],
      variable: 'MORTISE_BACKUP_AFTER',
      live: true,
      text: 'A command that copies a new backup elsewhere: program and arguments. The path of the file is added as the last one.',
      reason: 'Run without a shell. When it ends with 0, the keys in that backup count as kept elsewhere.',
    }),
  },
  approval: {
    for: option({
      schema: guardedActList(),
      initial: [],
      variable: 'MORTISE_APPROVAL_FOR',
      text: `Acts that wait until a second person approves them, of these: ${guardedActs.join(', ')}.`,
      reason:
        'Empty: one person does everything that a manager may. Each person needs a token with an owner first (mortise token create --owner). A change needs a restart, and the audit log and status tell of it (docs/approval.md).',
    }),
  },
  log: {
    format: option({
      schema: z.enum(['auto', 'json', 'human']),
      initial: 'auto',
      variable: 'MORTISE_LOG_FORMAT',
      text: 'The format of log lines on standard error.',
      reason: 'auto: for people on a terminal, JSON otherwise. With `serve --json` it is JSON.',
    }),
    level: option({
      schema: z.enum(['trace', 'debug', 'info', 'warn', 'error']),
      initial: 'info',
      variable: 'MORTISE_LOG_LEVEL',
      live: true,
      text: 'The lowest level that is written.',
      reason: 'Normal traffic writes nothing at info. No level writes key material.',
    }),
  },
} as const

/** The server's own options with their values, checked: `config.kmip.listen.port`. */
export type Config = OptionValues<typeof options>
