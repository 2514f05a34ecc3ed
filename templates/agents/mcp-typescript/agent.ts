// An agent with the tools of an AgentCore gateway, on the MCP TypeScript SDK and Amazon Bedrock's Converse.
//
//     node agent.ts                      serve POST /invocations and GET /ping, as AgentCore Runtime asks
//     node agent.ts ask PROMPT           answer one prompt
//     node agent.ts tools                list the tools; needs no model
//     node agent.ts call TOOL ARGUMENTS  call a tool with a JSON object; needs no model
//
// The gateway and the client come from the variables AGENTCORE_GATEWAY_*, the model of Amazon Bedrock from MODEL_ID.

import {
  BedrockRuntimeClient,
  ConverseCommand,
  type ContentBlock,
  type ConverseCommandInput,
  type Message,
  type ToolUseBlock,
} from "@aws-sdk/client-bedrock-runtime";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ClientCredentialsProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpError, type Tool } from "@modelcontextprotocol/sdk/types.js";
import { BedrockAgentCoreApp } from "bedrock-agentcore/runtime";
import { z } from "zod";

// How many times the model may ask for tools before it must answer.
const MOST_ROUNDS = 20;
// How long a tool may take, in milliseconds.
const TIMEOUT = 300_000;

function setting(name: string, remedy: string): string {
  const value = process.env[name];
  if (!value) {
    console.error(`the variable ${name} is not set: ${remedy}`);
    process.exit(1);
  }
  return value;
}

const gatewaySetting = (name: string) => setting(`AGENTCORE_GATEWAY_${name}`, "README.md says how to set it");
const modelId = () => setting("MODEL_ID", "name a model that your AWS account may use in Amazon Bedrock");

/** A connection to the gateway. It requests its token, and a new one when the gateway refuses the old one. */
async function connect(): Promise<Client> {
  const authProvider = new ClientCredentialsProvider({
    clientId: gatewaySetting("CLIENT_ID"),
    clientSecret: gatewaySetting("CLIENT_SECRET"),
    scope: gatewaySetting("SCOPE"),
    expectedIssuer: gatewaySetting("ISSUER"),
  });
  const gateway = new Client({ name: "gateway-agent", version: "1.0.0" });
  await gateway.connect(new StreamableHTTPClientTransport(new URL(gatewaySetting("URL")), { authProvider }));
  return gateway;
}

/** All tools. A gateway lists 30 at a time. */
async function listTools(gateway: Client): Promise<Tool[]> {
  const tools: Tool[] = [];
  let cursor: string | undefined;
  do {
    const page = await gateway.listTools({ cursor });
    tools.push(...page.tools);
    cursor = page.nextCursor;
  } while (cursor);
  return tools;
}

/** A tool's result as text, and whether it failed. */
async function callTool(gateway: Client, name: string, input: Record<string, unknown>) {
  try {
    const result = await gateway.callTool({ name, arguments: input }, undefined, { timeout: TIMEOUT });
    const content = result.content as { type: string; text?: string }[];
    const texts = content.map((part) => (part.type === "text" ? part.text : JSON.stringify(part)));
    return { isError: result.isError === true, text: texts.join("\n") };
  } catch (error) {
    if (error instanceof McpError) return { isError: true, text: error.message };
    throw error;
  }
}

/** The result of the tool that the model asks for, as Converse takes it. */
async function answerOf(gateway: Client, use: ToolUseBlock): Promise<ContentBlock> {
  const { isError, text } = await callTool(gateway, use.name!, use.input as Record<string, unknown>);
  return { toolResult: { toolUseId: use.toolUseId, content: [{ text }], status: isError ? "error" : "success" } };
}

async function ask(gateway: Client, modelId: string, prompt: string): Promise<string> {
  const bedrock = new BedrockRuntimeClient({});
  const messages: Message[] = [{ role: "user", content: [{ text: prompt }] }];
  const tools = (await listTools(gateway)).map(({ name, description, inputSchema }) => ({
    toolSpec: { name, description: description || name, inputSchema: { json: inputSchema } },
  }));
  const request = { modelId, messages, toolConfig: tools.length ? { tools } : undefined } as ConverseCommandInput;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const message = (await bedrock.send(new ConverseCommand(request))).output?.message;
    const content = message?.content ?? [];
    const uses = content.flatMap((part) => part.toolUse ?? []);
    if (!message || !uses.length) return content.flatMap((part) => part.text ?? []).join("\n").trim();
    messages.push(message, { role: "user", content: await Promise.all(uses.map((use) => answerOf(gateway, use))) });
  }
  throw new Error(`the model still asks for tools after ${MOST_ROUNDS} rounds`);
}

const [verb, ...words] = process.argv.slice(2);
if (verb === undefined) {
  const model = modelId();
  const gateway = await connect();
  const app = new BedrockAgentCoreApp({
    invocationHandler: {
      requestSchema: z.object({ prompt: z.string().trim().min(1) }),
      process: async ({ prompt }) => ({ response: await ask(gateway, model, prompt) }),
    },
  });
  // Reachable from this machine only; in a container, HOST is to be 0.0.0.0.
  app.run({ port: Number(process.env.PORT ?? 8080), host: process.env.HOST ?? "127.0.0.1" });
} else if (verb === "ask" && words.length === 1) {
  const model = modelId();
  const gateway = await connect();
  console.log(await ask(gateway, model, words[0]!));
  await gateway.close();
} else if (verb === "tools" && words.length === 0) {
  const gateway = await connect();
  for (const tool of await listTools(gateway)) console.log(tool.name);
  await gateway.close();
} else if (verb === "call" && words.length === 2) {
  const gateway = await connect();
  const { isError, text } = await callTool(gateway, words[0]!, JSON.parse(words[1]!));
  console.log(text);
  await gateway.close();
  process.exitCode = isError ? 1 : 0;
} else {
  console.error("usage: node agent.ts [ask PROMPT | tools | call TOOL ARGUMENTS]");
  process.exitCode = 2;
}
