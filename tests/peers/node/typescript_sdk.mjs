// Usage: node typescript_sdk.mjs URL TOKEN-FILE MODE...
//
// Connects to the gateway at URL once per MODE with the official TypeScript SDK, lists its tools, calls get_weather,
// ends the session if there is one, and prints one JSON array of {sdk, mode, protocol, session, tools, location}.
// TOKEN-FILE holds a bearer token ("-" for a gateway that checks nobody).
//
// MODE: v1        SDK 1.x: initialize offering 2025-11-25, taking what the gateway answers
//       legacy    SDK 2.x: the same
//       auto      SDK 2.x: server/discover first, else initialize
//       DATE      SDK 2.x, nothing but that version: 2025-03-26, 2025-06-18, 2025-11-25, 2026-07-28
import { readFileSync } from 'node:fs';
import * as v1 from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as V1Transport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import * as v2 from '@modelcontextprotocol/client';

const INFO = { name: 'agentcore-gw-peer', version: '1.0.0' };
const MODERN = '2026-07-28';

function connectWith(mode) {
  if (mode === 'v1') return ['1', new v1.Client(INFO), V1Transport];
  const options =
    mode === 'legacy' || mode === 'auto' ? { versionNegotiation: { mode } }
    : mode === MODERN ? { versionNegotiation: { mode: { pin: mode } } }
    : { supportedProtocolVersions: [mode] };
  return ['2', new v2.Client(INFO, options), v2.StreamableHTTPClientTransport];
}

async function exercise(url, headers, mode) {
  const [sdk, client, Transport] = connectWith(mode);
  const transport = new Transport(new URL(url), { requestInit: { headers } });
  try {
    await client.connect(transport);
    const protocol = transport.protocolVersion;
    const session = transport.sessionId !== undefined;

    const tools = [];
    let cursor;
    do {
      const page = await client.listTools(cursor === undefined ? undefined : { cursor });
      tools.push(...page.tools.map((tool) => tool.name));
      cursor = page.nextCursor;
    } while (cursor !== undefined);

    const name = tools.find((tool) => tool.endsWith('___get_weather'));
    const result = await client.callTool({ name, arguments: { location: 'Seattle' } });
    if (result.isError) throw new Error(`${name}: ${JSON.stringify(result.content)}`);
    const { location } = JSON.parse(result.content[0].text);

    if (session) await transport.terminateSession();
    return { sdk, mode, protocol, session, tools: tools.sort(), location };
  } finally {
    await client.close();
  }
}

const [url, tokenFile, ...modes] = process.argv.slice(2);
if (modes.length === 0) {
  console.error('usage: node typescript_sdk.mjs URL TOKEN-FILE MODE...');
  process.exit(2);
}
const headers = tokenFile === '-' ? {} : { Authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` };
const results = [];
for (const mode of modes) results.push(await exercise(url, headers, mode));
console.log(JSON.stringify(results));
