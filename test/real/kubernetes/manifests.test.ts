// The manifests of deploy/kubernetes: rendered by kubectl, held against the types and the schemas of Kubernetes and of the Prometheus
// operator, and against what Mortise itself takes. The types come from npm into a temporary folder: the compiler refuses fields that
// Kubernetes does not know, the schemas refuse wrong values. No cluster is asked.

import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { readConfig } from '../../support/server/config.ts'
import { preferDebian13 } from '../../support/packages/debian-13.ts'
import { skipOrFail } from '../../support/server/skip.ts'

const run = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../../..')
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-test-kubernetes-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly data?: Readonly<Record<string, string>>
  readonly spec?: Record<string, unknown>
}

/** Both ways, and each with everything that may be added. */
async function renderAll(): Promise<Map<string, readonly Manifest[]>> {
  cpSync(path.join(root, 'deploy/kubernetes'), path.join(folder, 'kubernetes'), { recursive: true })
  const rendered = new Map<string, readonly Manifest[]>()
  for (const base of ['sqlite', 'postgresql']) {
    const whole = path.join(folder, 'kubernetes', `${base}-whole`)
    mkdirSync(whole)
    writeFileSync(
      path.join(whole, 'kustomization.yaml'),
      `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../${base}]\n` +
        'components: [../components/load-balancer, ../components/service-monitor]\n',
    )
    for (const name of [base, `${base}-whole`])
      rendered.set(name, await render(path.join(folder, 'kubernetes', name)))
  }
  return rendered
}

async function render(kustomization: string): Promise<readonly Manifest[]> {
  const yaml = path.join(folder, `${path.basename(kustomization)}.yaml`)
  const { stdout, stderr } = await run('kubectl', ['kustomize', kustomization])
  assert.equal(stderr, '', 'kustomize warns of nothing')
  writeFileSync(yaml, stdout)
  // Nothing else on the machine reads YAML for sure. --local asks no cluster.
  const json = await run('kubectl', ['annotate', '--local', '-f', yaml, '-o', 'json', 'rendered=yes'])
  return json.stdout.split(/^(?=\{)/m).map((one) => JSON.parse(one) as Manifest)
}

/** Undefined: the types are there. */
async function installTypes(): Promise<string | undefined> {
  writeFileSync(path.join(folder, 'package.json'), '{"private":true,"type":"module"}')
  const packages = ['kubernetes-models@5.1.0', '@kubernetes-models/prometheus-operator@6.0.0']
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--no-save']
  return run('npm', ['install', ...flags, ...packages], { cwd: folder, timeout: 200_000 }).then(
    () => undefined,
    String,
  )
}

function moduleOf({ apiVersion, kind }: Manifest): string {
  const models = apiVersion.includes('coreos.com')
    ? '@kubernetes-models/prometheus-operator'
    : 'kubernetes-models'
  return `${models}/${apiVersion}/${kind}`
}

/** The compiler's and the schemas' complaints about these, empty if there are none. */
async function complaints(manifests: readonly Manifest[]): Promise<string> {
  const kinds = [...new Map(manifests.map((one) => [one.kind, moduleOf(one)]))]
  const imports = kinds.map(([kind, from]) => `import { ${kind}, type I${kind} } from '${from}'\n`)
  const checks = manifests.map(
    (one, n) => `const m${n}: I${one.kind} = ${JSON.stringify(one)}\nnew ${one.kind}(m${n}).validate()\n`,
  )
  const file = path.join(folder, 'check.ts')
  writeFileSync(file, [...imports, ...checks].join(''))
  const options = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--types',
    '',
  ]
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const typed = spawnSync(process.execPath, [tsc, ...options, file], { cwd: folder, encoding: 'utf8' })
  if (typed.status !== 0) return typed.stdout + typed.stderr
  return spawnSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' }).stderr
}

test('the manifests are what Kubernetes and Mortise take', { timeout: 240_000 }, async (t) => {
  preferDebian13()
  const { stdout } = spawnSync('kubectl', ['version', '--client'], { encoding: 'utf8' })
  if (!/Kustomize Version: v5/.test(stdout ?? ''))
    return skipOrFail(t, 'needs a kubectl with kustomize 5: npm run test:real -- --install kubernetes')
  const rendered = await renderAll()
  const problem = await installTypes()
  if (problem !== undefined) return skipOrFail(t, `the registry's packages cannot be installed: ${problem}`)
  await t.test('the check refuses unknown fields and wrong values', () =>
    mustRefuse(rendered.get('postgresql') ?? []),
  )
  for (const [name, manifests] of rendered) await judge(t, name, manifests)
  return undefined
})

async function mustRefuse(manifests: readonly Manifest[]): Promise<void> {
  const budget = manifests.find(({ kind }) => kind === 'PodDisruptionBudget')
  assert.ok(budget?.spec)
  const misspelt = { ...budget, spec: { ...budget.spec, minAvailble: 1 } }
  assert.match(await complaints([misspelt]), /minAvailble/)
  const wrong = { ...budget, spec: { ...budget.spec, unhealthyPodEvictionPolicy: 'Sometimes' } }
  assert.match(await complaints([wrong]), /Sometimes|unhealthyPodEvictionPolicy/)
}

interface PodSpec {
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly volumes?: readonly { readonly name: string }[]
}

interface Container {
  readonly image: string
  readonly env: readonly { readonly name: string; readonly value?: string }[]
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly volumeMounts: readonly { readonly name: string }[]
}

async function judge(t: TestContext, name: string, manifests: readonly Manifest[]): Promise<void> {
  const workload = manifests.find(({ kind }) => kind === 'StatefulSet' || kind === 'Deployment')
  const template = workload?.spec?.['template'] as { metadata: { labels: object }; spec: PodSpec } | undefined
  assert.ok(workload?.spec && template)
  const pod = template.spec
  const [container] = pod.containers
  assert.ok(container)
  await t.test(`${name}: types and schemas`, async () => assert.equal(await complaints(manifests), ''))
  await t.test(`${name}: Mortise takes its variables`, () => {
    const reference = container.envFrom?.[0]?.configMapRef.name
    const map = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === reference)
    const own = Object.fromEntries(container.env.map((one) => [one.name, one.value ?? 'from-the-pod']))
    const config = readConfig({}, { ...map?.data, ...own })
    const ports = Object.fromEntries(container.ports.map((one) => [one.name, one.containerPort]))
    assert.deepEqual(ports, { kmip: config.kmip.listen.port, admin: config.admin.listen.port })
    assert.equal(config.server.store.startsWith('postgres:'), name.startsWith('postgresql'))
    assert.equal(config.kmip.proxyProtocolFrom.length > 0, name.endsWith('-whole'))
  })
  await t.test(`${name}: who selects the pods selects these`, () => {
    const selectors = manifests.flatMap(({ kind, spec }) =>
      kind === 'Service'
        ? [spec?.['selector']]
        : kind === 'NetworkPolicy'
          ? [matched(spec?.['podSelector'])]
          : [],
    )
    selectors.push(matched(workload.spec?.['selector']))
    for (const selector of selectors) assert.deepEqual(selector, template.metadata.labels)
  })
  await t.test(`${name}: no rights, and every mount has its volume`, () => {
    assert.deepEqual([pod.securityContext['runAsNonRoot'], pod.securityContext['runAsUser']], [true, 10001])
    const claims = (workload.spec?.['volumeClaimTemplates'] ?? []) as readonly Manifest[]
    const volumes = new Set(
      [...(pod.volumes ?? []), ...claims.map(({ metadata }) => metadata)].map((one) => one.name),
    )
    for (const one of [container, ...(pod.initContainers ?? [])]) {
      const { allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities } = one.securityContext
      assert.deepEqual([allowPrivilegeEscalation, readOnlyRootFilesystem], [false, true])
      assert.deepEqual(capabilities, { drop: ['ALL'] })
      assert.match(one.image, /^registry\.example\.com\/mortise:\d/)
      for (const { name: volume } of one.volumeMounts) assert.ok(volumes.has(volume), volume)
    }
  })
}

function matched(selector: unknown): unknown {
  return (selector as { readonly matchLabels?: object } | undefined)?.matchLabels
}
