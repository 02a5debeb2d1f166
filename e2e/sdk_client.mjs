// A small program on the TypeScript SDK: connects, signs in when it is asked to, calls a tool for each
// `tools/call` (JSON-RPC, a line each) on stdin, prints the answer in the same form, ends with stdin.
// SETTINGS in the environment is JSON: `package` of the SDK and the `folder` where it is installed, `url`,
// the callback's `port`, `client` (id and secret) or `document` if there is one,
// and `store`, the file that keeps what is known between two runs: tokens, registration, discovery.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const settings = JSON.parse(process.env.SETTINGS);
const require = createRequire(settings.folder + "/package.json");
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const modern = settings.package === "@modelcontextprotocol/client";

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = modern
  ? await load(settings.package)
  : {
      ...(await load(`${settings.package}/client/index.js`)),
      ...(await load(`${settings.package}/client/streamableHttp.js`)),
      ...(await load(`${settings.package}/client/auth.js`)),
    };

const callback = `http://localhost:${settings.port}/callback`;
let known = existsSync(settings.store) ? JSON.parse(readFileSync(settings.store, "utf8")) : {};
const keep = (changes) => {
  known = { ...known, ...changes };
  writeFileSync(settings.store, JSON.stringify(known), { mode: 0o600 });
};

let state;
const provider = {
  redirectUrl: callback,
  clientMetadataUrl: settings.document,
  clientMetadata: {
    client_name: "TypeScript SDK",
    redirect_uris: [callback],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: settings.client ? "client_secret_basic" : "none",
  },
  state: () => (state = crypto.randomUUID()),
  clientInformation: () => known.client ?? settings.client,
  saveClientInformation: (client) => keep({ client }),
  tokens: () => known.tokens,
  saveTokens: (tokens) => keep({ tokens }),
  saveCodeVerifier: (verifier) => keep({ verifier }),
  codeVerifier: () => known.verifier,
  saveDiscoveryState: (discovery) => keep({ discovery }),
  discoveryState: () => known.discovery,
  invalidateCredentials: (scope) => {
    console.error(`the SDK threw away: ${scope}`);
    if (scope === "all") known = {};
    keep({ [scope === "verifier" ? "verifier" : scope]: undefined });
  },
  redirectToAuthorization: (url) => {
    spawn(process.env.BROWSER, [url.href], { stdio: "inherit" });
  },
};

// The answer of the authorization server, as it comes home.
const answered = new Promise((resolve) => {
  const server = createServer((request, response) => {
    response.end("You can close this page.");
    server.close();
    resolve(new URL(request.url, callback).searchParams);
  });
  server.listen(settings.port, "localhost");
});

const attempt = async () => {
  const client = new Client(
    { name: "client-matrix", version: "1" },
    modern ? { versionNegotiation: { mode: "auto" } } : {},
  );
  const transport = new StreamableHTTPClientTransport(new URL(settings.url), { authProvider: provider });
  try {
    await client.connect(transport);
    return { client };
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    return { transport };
  }
};

let { client, transport } = await attempt();
if (!client) {
  const parameters = await answered;
  if (parameters.get("state") !== state) throw new Error("the answer has another state");
  await transport.finishAuth(modern ? parameters : parameters.get("code"));
  ({ client } = await attempt());
  if (!client) throw new Error("still unauthorized after the sign-in");
}
for await (const line of createInterface({ input: process.stdin })) {
  const { id, params } = JSON.parse(line);
  console.log(JSON.stringify({ id, result: await client.callTool(params) }));
}
await client.close();
process.exit(0);
