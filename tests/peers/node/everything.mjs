// Usage: node everything.mjs TARGET URL TOKEN-FILE
//        node everything.mjs TARGET PROGRAM ARGUMENT...
//
// Uses all that the reference server of MCP, `server-everything`, offers through a gateway, where it is the target
// TARGET, with the official TypeScript SDK 1.x, and prints what it saw as one JSON object. The gateway is at URL, with
// the bearer token in TOKEN-FILE, or behind PROGRAM, an MCP server on standard input and output.
import { readFileSync } from 'node:fs';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const [target, place, ...rest] = process.argv.slice(2);
const overHttp = () => {
  const headers = { Authorization: `Bearer ${readFileSync(rest[0], 'utf8').trim()}` };
  return new StreamableHTTPClientTransport(new URL(place), { requestInit: { headers } });
};
const isHttp = place.startsWith('http');
const transport = isHttp ? overHttp() : new StdioClientTransport({ command: place, args: rest, env: process.env });
const client = new Client({ name: 'agentcore-gw-peer', version: '1.0.0' }, { capabilities: { elicitation: {}, sampling: {} } });
const asked = [];
client.setRequestHandler(ElicitRequestSchema, async (request) => {
  asked.push(['elicitation', request.params.message]);
  return { action: 'accept', content: { name: 'Ada', check: true, firstLine: 'Once', integer: 7 } };
});
client.setRequestHandler(CreateMessageRequestSchema, async (request) => {
  asked.push(['sampling', request.params.messages[0].content.text]);
  return { role: 'assistant', model: 'nobody', stopReason: 'endTurn', content: { type: 'text', text: 'an answer' } };
});
const attempt = async (what) => {
  try {
    return await what();
  } catch (error) {
    return { error: error.message, code: error.code };
  }
};
const call = (name, args, options) =>
  attempt(() => client.callTool({ name: `${target}___${name}`, arguments: args }, undefined, options));

await client.connect(transport);
const capabilities = client.getServerCapabilities();
const session = transport.sessionId !== undefined;
const { tools } = await client.listTools();
const echo = await call('echo', { message: 'through the gateway' });
const sum = await call('get-sum', { a: 2, b: 'three' });
const structured = await call('get-structured-content', { location: 'Chicago' });
const image = await call('get-tiny-image', {});
const progress = [];
const long = await call('trigger-long-running-operation', { duration: 1, steps: 3 }, {
  onprogress: ({ progress: done, total }) => progress.push([done, total]),
});
const elicited = await call('trigger-elicitation-request', {});
const sampled = await call('trigger-sampling-request', { prompt: 'a question', maxTokens: 10 });
const prompts = await attempt(() => client.listPrompts());
const prompt = await attempt(() => client.getPrompt({ name: `${target}___args-prompt`, arguments: { city: 'Rome' } }));
const noPrompt = await attempt(() => client.getPrompt({ name: `${target}___none` }));
const resources = await attempt(() => client.listResources());
const templates = await attempt(() => client.listResourceTemplates());
const uri = resources.resources?.[0]?.uri;
const resource = await attempt(() => client.readResource({ uri }));
const dynamic = await attempt(() => client.readResource({ uri: 'demo://resource/dynamic/text/3' }));
const noResource = await attempt(() => client.readResource({ uri: 'nowhere://x' }));
if (session) await transport.terminateSession();
await client.close();
console.log(JSON.stringify({
  capabilities, session, tools, echo, sum, structured, image, progress, long, elicited, sampled, asked, prompts, prompt,
  noPrompt, resources, templates, resource, dynamic, noResource,
}));
