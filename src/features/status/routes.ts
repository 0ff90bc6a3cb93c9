// The part of the route table that tells how the server is: health, metrics, and its status on one page.

import { z } from 'zod'
import { BackupStatus, ShownUpstream } from '../../doors/http/plug-schemas.ts'
import { namesShownMax } from '../../base/bounds.ts'
import { severities } from '../../core/conditions/line.ts'
import { counts, limitsShown, recoverableShown } from '../instances/routes.ts'
import { live, route } from '../../doors/http/route.ts'
import { shownSha256, time } from '../../doors/http/schemas.ts'

const Expiry = z.object({
  kind: z.enum(['client', 'client-ca', 'server', 'server-ca', 'admin']),
  name: z
    .string()
    .meta({ description: 'The client that the certificate belongs to, or what the certificate is.' }),
  instance: z.object({ id: z.string(), name: z.string() }).nullable(),
  sha256: shownSha256,
  notAfter: time,
  daysLeft: z.int().meta({ description: 'Whole days; negative once it has expired.' }),
})

const Condition = z
  .object({
    id: z
      .string()
      .meta({ description: 'Stable; docs/conditions.md has them all.', example: 'certificate-expires' }),
    severity: z.enum(severities),
    instance: z
      .string()
      .nullable()
      .meta({ description: 'The name of the instance that it concerns; null: the server.' }),
    message: z.string(),
    action: z.string().meta({ description: 'What to do about it.' }),
  })
  .meta({ id: 'Condition' })

const Node = z
  .object({
    name: z.string(),
    version: z.string(),
    kmip: z.string().meta({ description: 'Where other machines reach it.', example: 'kms-1:5696' }),
    started: time,
    secondsAgo: z.int().meta({ description: 'When it last gave a sign, by the clock of the database.' }),
    serves: z.boolean().meta({ description: 'false: it has given none of late, and did not stop in order.' }),
    isThis: z.boolean().meta({ description: 'Whether it is the node that was asked.' }),
    work: z.array(z.string()).meta({
      description:
        'The kinds of background work that it does, or would do now: instance-work (moves and rewraps), standard-keys, recovery, backups, audit-prune, siem, inventory, restore, adoption, approved-acts.',
    }),
  })
  .meta({ id: 'Node' })

const Status = z
  .object({
    version: z.string(),
    started: time,
    ready: z.boolean().meta({ description: 'Whether this node can serve, as GET /health/ready says.' }),
    // A server of an older version does not say it.
    servesKeys: z.boolean().default(true).meta({
      description:
        'Whether it is ready and serves at least one of the instances shown that have keys. `mortise status` ends with exit code 1 if not.',
    }),
    reason: z
      .string()
      .nullable()
      .meta({ description: 'Why the server is not ready, or what it refuses at the moment.' }),
    fips: z.string().nullable().default(null).meta({
      description:
        "The version of OpenSSL's FIPS provider that alone computes; null: the server is not in FIPS mode.",
      example: '3.5.9',
    }),
    kmip: z.string().meta({ description: 'Where it listens for KMIP.', example: '[::]:5696' }),
    kmipHttps: z.string().nullable().meta({
      description: 'Where it listens for KMIP over HTTPS; null: nowhere.',
      example: 'https://[::]:5698',
    }),
    instances: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        rootKey: z.enum(['ok', 'unreachable', 'withdrawn', 'failing', 'unknown']).meta({
          description:
            'unreachable: it does not answer; its keys are served from memory for a bounded time. withdrawn: its service refused; its keys are not served. failing: its keys do not open for another reason. unknown: the server has just started, and still waits for its first answer.',
        }),
        rootKeyReason: z.string().nullable().meta({ description: 'Why it is not ok.' }),
        // A server of an older version does not say it.
        served: z.boolean().default(true).meta({
          description:
            'Whether its keys are served now: the root key is ok (or unknown), or memory still has what opens them.',
        }),
        clients: z.int(),
        objects: counts,
        recoverable: recoverableShown,
        limits: limitsShown,
        upstream: ShownUpstream.nullable(),
      }),
    ),
    pending: z.int().nullable().meta({ description: 'null: the token is for one instance.' }),
    // A server of an older version does not say it.
    traffic: z
      .object({
        keysPerMinute: z.number().nullable().meta({
          description:
            'Keys that clients fetched in the last minute; null: the server runs too short a time.',
        }),
        connections: z.int().meta({ description: 'KMIP connections that are open.' }),
      })
      .nullable()
      .default(null)
      .meta({
        description:
          'What this node serves now, all its processes together. null: the token is for one instance.',
      }),
    // A server of an older version does not say it.
    mayAll: z
      .object({
        count: z.int(),
        clients: z.array(z.object({ name: z.string(), instance: z.string() })).meta({
          description: `The first of them, at most ${namesShownMax}.`,
        }),
      })
      .default({ count: 0, clients: [] })
      .meta({ description: 'The clients that may request all operations on objects (all), Destroy too.' }),
    expiries: z.array(Expiry).meta({ description: 'The certificates that expire first, at most ten.' }),
    nodes: z.array(Node).nullable().meta({
      description: 'The nodes on this PostgreSQL; empty with SQLite. null: the token is for one instance.',
    }),
    backups: BackupStatus.nullable().meta({ description: 'null: the token is for one instance.' }),
    conditions: z
      .array(Condition)
      .meta({ description: 'What a person should know or act on, the most severe first.' }),
  })
  .meta({ id: 'Status' })

export const statusRoutes = {
  live,
  ready: route({
    method: 'get',
    path: '/health/ready',
    role: 'viewer',
    scope: 'public',
    summary: 'Whether this node can serve; 503 when it cannot',
    answer: z.object({
      ready: z.boolean(),
      degradedInstances: z
        .int()
        .meta({ description: 'How many instances have trouble with their root key.' }),
      degraded: z.array(z.string()).meta({ description: 'The ids of these instances.' }),
      unreachable: z.array(z.string()).meta({
        description: 'Ids of instances that are served from memory, because their root key does not answer.',
      }),
      withdrawn: z.array(z.string()).meta({
        description: 'Ids of instances that are not served, because the service of their root key refused.',
      }),
      newKeysRefused: z.array(z.string()).meta({
        description: "Ids of instances whose last new key the root key's service refused to store.",
      }),
      readsRefused: z.array(z.string()).meta({
        description:
          "Ids of instances whose keys cannot be read at the root key's service, though the root key answers.",
      }),
      standardKeysLeft: z.array(z.string()).meta({
        description:
          "Ids of instances with standard keys that could not be deleted yet at the root key's service; also of deleted instances.",
      }),
      closingsUnrecorded: z.array(z.string()).meta({
        description:
          "Ids of instances with keys that were revoked here, and are not recorded as revoked at the root key's service yet.",
      }),
      otherServers: z.array(z.string()).meta({
        description: "Ids of instances that another server uses too, as their root key's service shows.",
      }),
      nearLimit: z.array(z.string()).meta({
        description: 'Ids of instances that hold 80 % or more of their limit of objects or bytes.',
      }),
      recoverableKeys: z.int().meta({ description: 'Destroyed keys that can still be brought back.' }),
      conditions: z.object({ critical: z.int(), warning: z.int(), notice: z.int() }).meta({
        description: 'How many conditions there are: /api/v1/status and `mortise status` show them.',
      }),
    }),
  }),
  metrics: route({
    method: 'get',
    path: '/metrics',
    role: 'viewer',
    scope: 'server',
    withoutStore: true,
    summary: 'Metrics for Prometheus',
    answer: z.string(),
    media: 'text/plain',
  }),
  status: route({
    method: 'get',
    path: '/api/v1/status',
    role: 'viewer',
    scope: 'any',
    summary: 'The state of the server on one page, as far as the token may see it',
    answer: Status,
  }),
  reloadConfiguration: route({
    method: 'post',
    path: '/api/v1/reload',
    role: 'manager',
    scope: 'server',
    summary: 'Reload the configuration, and apply what needs no restart',
    answer: z
      .object({
        applied: z.array(z.string()).meta({ example: ['log.level'] }),
        needRestart: z.array(z.string()).meta({ example: ['kmip.listen'] }),
      })
      .meta({ id: 'Reloaded' }),
  }),
}
