// The part of the route table about the targets that get the audit log: a receiver of syslog, a file.

import { z } from 'zod'
import { route } from '../../doors/http/route.ts'
import { time } from '../../doors/http/schemas.ts'

const Siem = z
  .object({
    targets: z.array(
      z.object({
        kind: z.enum(['syslog', 'file']),
        target: z.string().meta({ description: 'A URL or a path.' }),
        behindSince: time.nullable().meta({
          description: 'The time of the first entry that it does not surely have; null: it has all.',
        }),
        trouble: z.string().nullable().meta({ description: 'Why this node cannot send; null: it can.' }),
      }),
    ),
  })
  .meta({ id: 'Siem' })

const path = '/api/v1/siem'

export const siemRoutes = {
  showSiem: route({
    method: 'get',
    path,
    role: 'viewer',
    scope: 'server',
    summary: 'How far the targets are that get the audit log',
    answer: Siem,
  }),
  testSiem: route({
    method: 'post',
    path: `${path}/test`,
    role: 'operator',
    scope: 'server',
    summary: 'Write a test entry into the audit log, for the targets that get it',
    answer: z.object({ at: time }).meta({ id: 'SiemTest' }),
  }),
} as const
