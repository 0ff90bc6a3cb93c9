// Prints docs/clients.md from the table of products; `npm run docs` writes it.

import { format } from 'prettier'
import { ruleFlags, type Product } from '../src/features/clients/products/product.ts'
import { productNames, productOf } from '../src/features/clients/products/table.ts'

export async function clientsPage(): Promise<string> {
  const lines = productNames.map((name) => ({ name, product: productOf(name) }))
  const rows = lines.map(({ name, product }) => {
    const { kmip, allow, rules, tried } = product
    const flags = ruleFlags(rules)
    const cells = [link(product), code(name), kmip, flags && code(flags), code(allow.join(',')), tried]
    return `| ${cells.join(' | ')} |`
  })
  const sections = lines.flatMap(({ product: { title, notes } }) =>
    notes === undefined ? [] : [`## ${title}\n\n${notes}`],
  )
  const page = `# KMIP clients other than vSphere

<!-- Printed from src/features/clients/products/ by scripts/print-clients.ts. Change it there. -->

What each client needs, what to set in Mortise and which operations to allow it. \`test/clients/\` replays the requests that its documentation and source show;
where a client itself was run, its section says so.

Every client needs its own instance or a share of one, a certificate and the server's CA. One command makes them, with what the client may ask for:

\`\`\`
mortise client issue --for rook --instance I --name N --out DIR
\`\`\`

It allows the operations of the table and prints what to paste where. If the instance has another rule than the product needs (names, lengths, the wrapping of keys), it
refuses and prints the command that sets it. \`client sign\` and \`client trust\` take \`--for\` too, for a client that has its own key or certificate.
\`mortise client products\` lists the table, and \`mortise client products rook\` shows one product with its settings; the admin API takes the word as \`product\`.

A client that is not in the table may ask for what vSphere sends (\`vsphere\`) at first: name what it needs (\`client issue --allow Register,Get,Destroy ...\`), in
place of \`--for\`. Change it later with \`client set N --instance I --allow ...\`. A refusal names the operation that is missing and the command that allows
it. [What the sets contain](operate.md#who-may-fetch-keys).

| client | \`--for\` | KMIP | instance setting | \`--allow\` | tried |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

\`all\` is for libraries: name what the application needs instead where you know it.

${general}

${sections.join('\n\n')}
`
  return format(page, { parser: 'markdown' })
}

function code(text: string): string {
  return `\`${text}\``
}

/** A product that shares the section of another one has no link. */
function link({ title, notes, page }: Product): string {
  if (page !== undefined) return `[${title}](${page})`
  return notes === undefined ? title : `[${title}](#${anchor(title)})`
}

function anchor(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9_ -]/g, '')
    .replaceAll(' ', '-')
}

const general = `## HTTPS, XML and JSON

Clients that speak KMIP over HTTPS connect to a port of its own, which is closed until you name it: \`kmip.https = "[::]:5698"\` in
mortise.toml, \`MORTISE_KMIP_HTTPS\`, or \`mortise serve --kmip-https [::]:5698\`. Mortise takes \`POST /kmip\` there, with TTLV (\`Content-Type:
application/octet-stream\`), XML (\`text/xml\` or \`application/xml\`) or JSON (\`application/json\`), and answers in the same encoding. It is the
same server: the client's certificate says who it is, and trust, \`--allow\`, bounds, audit and metrics (by \`encoding\`) are those of port 5696.

\`\`\`
curl --cacert ca.pem --cert client.pem --key client.key https://kms-1:5698/kmip -H 'Content-Type: application/json' -d '{"tag":"RequestMessage","value":[
  {"tag":"RequestHeader","value":[{"tag":"ProtocolVersion","value":[
    {"tag":"ProtocolVersionMajor","type":"Integer","value":1},{"tag":"ProtocolVersionMinor","type":"Integer","value":4}]},
    {"tag":"BatchCount","type":"Integer","value":1}]},
  {"tag":"BatchItem","value":[{"tag":"Operation","type":"Enumeration","value":"DiscoverVersions"},{"tag":"RequestPayload","value":[]}]}]}'
\`\`\`

Address the server by an address, by a name that its certificate has, or by a name in \`kmip.hosts\` (\`MORTISE_KMIP_HOSTS\`, or \`hosts = ["kms.example.com"]\` under \`[kmip]\`; \`mortise reload\` applies it). When a trusted client
sends another name in \`Host\`, Mortise answers it in this version and warns in the log, at most once a minute, with the name and the client. A later version refuses it: a web page must not lead a browser
that has a client's certificate here by a name that the page controls.

Every KMIP answer has status 200, also a refusal; other statuses mean that no KMIP message arrived, and say why. A request needs
Content-Length; HTTP/1.0, HTTP/1.1 with kept connections, and \`Expect: 100-continue\` work. In JSON, write numbers beyond 2^53 as hexadecimal texts
(\`"0x0020000000000000"\`), and moments with their time zone in both. Maximum Response Size counts bytes of TTLV in every encoding.

## Notify and Put

A client of KMIP 2.0 or 2.1 can send Set Endpoint Role with the role \`Client\`: from the answer on, Mortise takes the client's part on that
connection of port 5696, and the client answers. Mortise then sends

- a **Put** for each new object that may leave, with its attributes; for a key that takes the place of another one, as its replacement. It counts as a Get:
  the same refusals hold, and the audit has an entry \`key.get\` with \`operation=Put\`;
- a **Notify** for each object whose attributes change, with the new values and the names of those that are gone, and for each new object that is not put.

\`--allow\` decides which of the two a client gets: name \`Put\`, \`Notify\` or both beside \`SetEndpointRole\`. Mortise asks again who the client is before each of them: the role ends with its trust, when it becomes a client of another instance, and when its password is changed. A ticket does not take the role.
The connection, and with it the role, ends when an answer takes more than 30 seconds, when more than 1,000 changes wait, when the client sends anything but an
answer, and when it is trusted no more. A client that connects again reads the state of its objects with Locate and Get Attributes first: Mortise keeps
nothing that it could not tell. It tells what the process commits that the client is connected to; of several nodes or \`server.workers\`, each tells of its own
changes alone. A client has the role on at most 16 connections. Over HTTPS it cannot take it.

## Re-Provision

A client of KMIP 2.0 or 2.1 renews its certificate with Re-Provision and a certificate request (PKCS#10): Mortise's CA signs it, the new certificate belongs to
the client from then on, and the old one is refused, also on connections that are open. Get the certificate in the same message, by a Get without a Unique
Identifier: the items that follow count as sent with the new one. Mortise takes no certificate that another person signed, since that does not prove who has its private
key, and makes no private key, since every client of the instance could fetch it. A certificate that has expired and is served in grace cannot renew itself.
\`client set --allow\` without \`ReProvision\` forbids it.`
