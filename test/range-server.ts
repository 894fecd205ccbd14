import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { afterAll, beforeAll } from "vitest";

/** A file server for tests, that can be as bad as servers are. */
export type RangeServer = {
  origin: string;
  files: Map<string, Buffer>;
  /** Answers in place of the next ones, first come first served: a status, or half of an answer before the line is cut. */
  faults: (number | "cut")[];
  /** Whether parts are sent when they are asked for. */
  ranges: boolean;
  /** `Range` of every request so far. */
  requests: string[];
  /** `Authorization` of every request so far. */
  tokens: (string | undefined)[];
  /** Counts up where a file is changed, for `ETag`. */
  edition: number;
};

/** A server that lives as long as the tests of the file. */
export function rangeServer(): RangeServer {
  const state: RangeServer = {
    origin: "",
    files: new Map(),
    faults: [],
    ranges: true,
    requests: [],
    tokens: [],
    edition: 1,
  };
  const server = createServer((request, response) => answer(state, request, response));
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (typeof address === "object" && address) state.origin = `http://127.0.0.1:${address.port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return state;
}

function answer(state: RangeServer, request: IncomingMessage, response: ServerResponse): void {
  const range = request.headers.range ?? "";
  state.requests.push(range);
  state.tokens.push(request.headers.authorization);
  const fault = state.faults.shift();
  if (typeof fault === "number") {
    response.writeHead(fault).end();
    return;
  }
  const file = state.files.get((request.url ?? "").split("?")[0] ?? "");
  if (!file) {
    response.writeHead(404).end();
    return;
  }
  const [, from = "0", to = "0"] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
  const headers = { etag: `"${state.edition}"` };
  if (!state.ranges) {
    response.writeHead(200, { ...headers, "content-length": file.length }).end(file);
    return;
  }
  const part = file.subarray(Number(from), Number(to) + 1);
  if (part.length === 0) {
    response.writeHead(416).end();
    return;
  }
  const end = Number(from) + part.length - 1;
  response.writeHead(206, {
    ...headers,
    "content-length": part.length,
    "content-range": `bytes ${from}-${end}/${file.length}`,
  });
  if (fault === "cut") response.write(part.subarray(0, part.length >> 1), () => response.destroy());
  else response.end(part);
}
