import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** A file that the server has: large ones are in "LFS", that is, on the second port, after a redirect. */
export type ServedFile = { content: Buffer; lfs?: boolean };

/** What goes wrong with an answer. */
export type Fault = {
  status?: number;
  headers?: Record<string, string>;
  /** Send the headers and this many bytes of the body, then cut the connection. */
  cutAfter?: number;
  /** Send this many bytes of the body, then nothing more. */
  silentAfter?: number;
  /** Answer 200 with everything, although a part was asked for. */
  ignoreRange?: boolean;
  /** Send these bytes in place of the right ones. */
  content?: Buffer;
  /** Send this text again and again, without an end. */
  endless?: string;
};

export type SeenRequest = {
  host: "hub" | "cdn";
  url: string;
  range: string | undefined;
  authorization: string | undefined;
  /** Bytes of the body that were sent. */
  sent: number;
};

/**
 * The Hub's protocol on loopback: the list of files, files by commit, and large files by a redirect to another port.
 * `fault` is asked before each answer; the request that it gets is what `requests` records.
 */
export type HubServer = {
  endpoint: string;
  repository: string;
  commit: string;
  files: Record<string, ServedFile>;
  requests: SeenRequest[];
  fault: (request: SeenRequest) => Fault | undefined;
  /** Replaces the list of files, to serve a wrong one; a text is sent as it is. */
  list: (right: HubList) => unknown;
  /** The token without which everything is refused. */
  token: string | undefined;
  close: () => Promise<void>;
};

type HubList = { sha: string; siblings: Record<string, unknown>[] };

export function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/** What git calls a file of this content. */
export function gitHash(content: Buffer): string {
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}

export async function startHubServer(files: Record<string, ServedFile>): Promise<HubServer> {
  const state: HubServer = {
    endpoint: "",
    repository: "org/name",
    commit: "0123456789abcdef0123456789abcdef01234567",
    files,
    requests: [],
    fault: () => undefined,
    list: (right) => right,
    token: undefined,
    close: async () => {
      await Promise.all([stop(hub), stop(cdn)]);
    },
  };
  const cdn = createServer((request, response) => {
    const seen = record(state, "cdn", request);
    const file = Object.values(state.files).find(({ content }) => `/lfs/${sha256(content)}` === seen.url);
    if (!file) response.writeHead(404).end();
    else sendFile(response, { seen, content: file.content, etag: '"of-the-cdn"', fault: state.fault(seen) ?? {} });
  });
  const cdnPort = await listen(cdn);
  const hub = createServer((request, response) => {
    const seen = record(state, "hub", request);
    answer(state, { seen, response, cdnPort });
  });
  state.endpoint = `http://127.0.0.1:${await listen(hub)}`;
  return state;
}

function answer(
  state: HubServer,
  { seen, response, cdnPort }: { seen: SeenRequest; response: ServerResponse; cdnPort: number },
): void {
  const fault = state.fault(seen) ?? {};
  if (fault.status !== undefined) {
    response.writeHead(fault.status, fault.headers).end("an error page");
    return;
  }
  if (state.token !== undefined && seen.authorization !== `Bearer ${state.token}`) {
    response.writeHead(401, { "x-error-code": "GatedRepo" }).end();
    return;
  }
  if (seen.url.startsWith(`/api/models/${state.repository}/revision/`)) {
    const list = state.list(rightList(state));
    const text = typeof list === "string" ? list : JSON.stringify(list);
    sendFile(response, { seen, content: Buffer.from(text), etag: '"list"', fault });
    return;
  }
  const prefix = `/${state.repository}/resolve/${state.commit}/`;
  const file = seen.url.startsWith(prefix) ? state.files[decodeURIComponent(seen.url.slice(prefix.length))] : undefined;
  if (!file) {
    response.writeHead(404, { "x-error-code": "RepoNotFound" }).end();
    return;
  }
  const { content, lfs } = file;
  response.setHeader("x-repo-commit", state.commit);
  if (lfs !== true) {
    sendFile(response, { seen, content, etag: `"${gitHash(content)}"`, fault });
    return;
  }
  const hash = sha256(content);
  response
    .writeHead(302, {
      location: `http://127.0.0.1:${cdnPort}/lfs/${hash}`,
      "x-linked-etag": `"${hash}"`,
      "x-linked-size": String(content.length),
    })
    .end();
}

function rightList({ commit, files }: HubServer): HubList {
  const siblings = Object.entries(files).map(([rfilename, { content, lfs }]) => {
    if (lfs !== true) return { rfilename, size: content.length, blobId: gitHash(content) };
    const pointer = Buffer.from(`oid sha256:${sha256(content)}`);
    const oid = { sha256: sha256(content), size: content.length, pointerSize: pointer.length };
    return { rfilename, size: content.length, blobId: gitHash(pointer), lfs: oid };
  });
  return { sha: commit, siblings };
}

function sendFile(
  response: ServerResponse,
  { seen, content, etag, fault }: { seen: SeenRequest; content: Buffer; etag: string; fault: Fault },
): void {
  if (fault.status !== undefined) {
    response.writeHead(fault.status, fault.headers).end();
    return;
  }
  if (fault.endless !== undefined) {
    sendForever(response, fault.endless);
    return;
  }
  const whole = fault.content ?? content;
  const start = fault.ignoreRange === true ? 0 : Number(/^bytes=(\d+)-$/.exec(seen.range ?? "")?.[1] ?? 0);
  if (start >= whole.length && start > 0) {
    response.writeHead(416, { "content-range": `bytes */${whole.length}` }).end();
    return;
  }
  const body = whole.subarray(start);
  response.writeHead(start > 0 ? 206 : 200, {
    etag,
    "content-length": body.length,
    ...(start > 0 && { "content-range": `bytes ${start}-${whole.length - 1}/${whole.length}` }),
    ...fault.headers,
  });
  const limit = fault.cutAfter ?? fault.silentAfter;
  const part = limit === undefined ? body : body.subarray(0, limit);
  seen.sent = part.length;
  if (limit === undefined) response.end(part);
  else if (fault.silentAfter !== undefined) response.write(part);
  // The bytes have to be on their way before the connection goes.
  else response.write(part, () => setTimeout(() => response.destroy(), 20));
}

function sendForever(response: ServerResponse, text: string): void {
  const block = text.repeat(Math.ceil(65_536 / text.length));
  const more = (): void => {
    while (!response.destroyed && response.write(block));
  };
  response.on("drain", more);
  response.writeHead(200);
  more();
}

function record(state: HubServer, host: "hub" | "cdn", request: IncomingMessage): SeenRequest {
  const { range, authorization } = request.headers;
  const seen: SeenRequest = { host, url: request.url ?? "", range, authorization, sent: 0 };
  state.requests.push(seen);
  return seen;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
}
