// Calls a gateway's tool with the MCP SDK's own OAuth provider, which renews the token by itself.
//
//     npm install @modelcontextprotocol/sdk
//     agentcore-gw --local create weather-gateway --sample
//     eval "$(agentcore-gw --local credentials weather-gateway -o env)"
//     node examples/oauth_client.mjs weather-tool___get_weather '{"location": "Seattle"}'
//
// For each further line of standard input, the tool is called again with it as its arguments.

import readline from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ClientCredentialsProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const of = (name) => process.env[`AGENTCORE_GATEWAY_${name}`];
const [tool, first] = process.argv.slice(2);

const authProvider = new ClientCredentialsProvider({
  clientId: of("CLIENT_ID"),
  clientSecret: of("CLIENT_SECRET"),
  scope: of("SCOPE"),
  expectedIssuer: of("ISSUER"),
});
const client = new Client({ name: "example", version: "1.0.0" });
await client.connect(new StreamableHTTPClientTransport(new URL(of("URL")), { authProvider }));

async function call(text) {
  const answer = await client.callTool({ name: tool, arguments: JSON.parse(text) });
  console.log(answer.content[0].text);
}

await call(first);
for await (const line of readline.createInterface({ input: process.stdin })) await call(line);
await client.close();
