// Runs a Node.js Lambda handler against the Lambda Runtime API (local AWS only).
//
// Started by `agentcore-gw local serve`, one process per execution environment, with the
// environment that Lambda gives a function. Node's own modules only. Answers and errors are those of
// AWS's own client (npm, aws-lambda-ric 3.3.0).

import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";

const env = process.env;
// Host and port; the local AWS adds a path that nobody else knows.
const api = new URL(`http://${env.AWS_LAMBDA_RUNTIME_API}/`.replace(/\/+$/, "/"));
const MAJOR = Number(process.versions.node.split(".")[0]);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function request(method, what, body) {
  return new Promise((resolve, reject) => {
    const url = new URL(`2018-06-01/runtime${what}`, api);
    const sent = http.request(url, { agent, method }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ response, body: Buffer.concat(chunks) }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

function failure(name, message) {
  return Object.assign(new Error(message), { name });
}

// From another realm, an error is no `instanceof Error`.
function isError(error) {
  const texts = [error?.name, error?.message, error?.stack];
  return error instanceof Error || texts.every((text) => text && typeof text === "string");
}

function describe(error) {
  try {
    const known = isError(error);
    return JSON.stringify({
      errorType: known ? error.name : typeof error,
      errorMessage: known ? error.message : error.toString(),
      trace: known ? error.stack.split("\n") : [],
    });
  } catch {
    const what = "one or more of its message, name, and stack";
    const errorMessage = `callback called with Error argument, but there was a problem while retrieving ${what}`;
    return JSON.stringify({ errorType: "handled", errorMessage, trace: [] });
  }
}

function serialize(answer) {
  try {
    return JSON.stringify(answer === undefined ? null : answer) ?? "null";
  } catch {
    throw new Error("Unable to stringify response body");
  }
}

// "src/index.handler" is the export `handler` of src/index.mjs, .js or .cjs.
async function load(handler) {
  if (handler.includes("..") || !path.basename(handler).includes(".")) {
    throw failure("Runtime.MalformedHandlerName", handler.includes("..") ? `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.` : "Bad handler");
  }
  const folder = path.dirname(handler);
  const [module, ...names] = path.basename(handler).split(".");
  const bare = path.resolve(env.LAMBDA_TASK_ROOT, folder, module);
  const isFile = (one) => fs.statSync(one, { throwIfNoEntry: false })?.isFile();
  const file = ["", ".js", ".mjs", ".cjs"].map((end) => bare + end).find(isFile);
  if (!file) {
    throw failure("Runtime.ImportModuleError", `Cannot find module '${module}'`);
  }
  const loaded = await import(pathToFileURL(file).href).catch((error) => {
    if (error instanceof SyntaxError) throw failure("Runtime.UserCodeSyntaxError", String(error));
    if (/MODULE_NOT_FOUND$/.test(error?.code)) throw failure("Runtime.ImportModuleError", String(error));
    throw error;
  });
  const pick = (from) => names.reduce((at, name) => at?.[name], from);
  const found = pick(loaded) ?? pick(loaded.default);
  if (typeof found !== "function") {
    const what = found ? "is not a function" : "is undefined or not exported";
    throw failure("Runtime.HandlerNotFound", `${handler} ${what}`);
  }
  if (MAJOR >= 24 && found.length > 2) {
    throw failure("Runtime.CallbackHandlerDeprecated", `${handler} takes a callback, which Node.js ${MAJOR} functions have no more: make it async`);
  }
  return found;
}

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const client = headers["lambda-runtime-client-context"];
  return {
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    clientContext: client ? JSON.parse(client) : undefined,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

// What the handler answers. Up to Node.js 22 it may answer by a callback too, which counts once the
// event loop is empty, or by the context's `done`, `succeed` and `fail`, which count at once; what it
// returns counts if it is a promise only. The first of these wins; without any, the answer is null once
// the event loop is empty. From 24 on there is no callback, and every returned value counts (Lambda
// developer guide, "Define Lambda function handler in Node.js").
function call(handler, event, context) {
  if (MAJOR >= 24) return handler(event, context);
  let idle;
  const answered = new Promise((resolve, reject) => {
    let onIdle = () => resolve(null);
    idle = () => onIdle();
    process.once("beforeExit", idle);
    let isAnswered = false;
    const first = (answer) => (...given) => {
      if (isAnswered) return;
      isAnswered = true;
      answer(...given);
    };
    const isError = (error) => error !== undefined && error !== null;
    const done = (error, result) => (isError(error) ? reject(error) : resolve(result));
    const callback = first((error, result) => {
      if (isError(error) || !context.callbackWaitsForEmptyEventLoop) done(error, result);
      else onIdle = () => resolve(result);
    });
    context.done = first(done);
    context.succeed = first(resolve);
    context.fail = first((error) => reject(error ?? "handled"));
    const { succeed, fail } = context;
    try {
      const returned = handler(event, context, callback);
      if (typeof returned?.then === "function") returned.then(succeed, fail);
    } catch (error) {
      callback(error);
    }
  });
  return answered.finally(() => process.off("beforeExit", idle));
}

// An error that nobody catches ends the process, after it was reported for the invocation. One before
// the first invocation is reported for that one; between two invocations there is nobody to tell.
let current;
let isStarted = false;
let fatal;

async function die(error, status) {
  console.error(error);
  if (!current && !isStarted) {
    fatal ??= [error, status];
    return;
  }
  if (current) await request("POST", `${current}/error`, describe(error)).catch(() => {});
  process.exit(status);
}

process.on("uncaughtException", (error) => die(error, 129));
process.on("unhandledRejection", (reason) => die(failure("Runtime.UnhandledPromiseRejection", String(reason)), 128));

async function main() {
  let handler;
  try {
    handler = await load(env._HANDLER);
  } catch (error) {
    console.error(error);
    await request("POST", "/init/error", describe(error));
    process.exit(1);
  }
  let next = await request("GET", "/invocation/next");
  while (next.response.statusCode === 200) {
    const { response, body } = next;
    const context = contextOf(response.headers);
    current = `/invocation/${context.awsRequestId}`;
    isStarted = true;
    if (fatal) await die(...fatal);
    let answer, said;
    try {
      answer = serialize(await call(handler, JSON.parse(body), context));
    } catch (error) {
      const reason = error ?? "handled";
      console.error(reason);
      said = describe(reason);
    }
    const at = current;
    current = undefined;
    if (said === undefined) {
      // The local AWS's own: one exchange instead of two.
      next = await request("POST", `${at}/response/next`, answer);
    } else {
      await request("POST", `${at}/error`, said);
      next = await request("GET", "/invocation/next");
    }
  }
}

await main();
process.exit(0);
