/** How requests are made; the defaults are for people, and tests have shorter ones. */
export type RequestOptions = {
  /** Ends whatever is going on; its reason is thrown. */
  signal?: AbortSignal | undefined;
  /** How long a server may be silent, in milliseconds. Default 30,000. */
  stallMs?: number | undefined;
  /** The first wait before something is tried again, in milliseconds; each next one is twice as long. Default 500. */
  retryDelayMs?: number | undefined;
};

/** An answer whose body has not been read. Either `chunks` is read to its end or left, or `discard` is called. */
export type HttpResponse = {
  status: number;
  headers: Headers;
  /** Whether another host answered than the one that was asked, as with large files. */
  elsewhere: boolean;
  chunks: () => AsyncGenerator<Uint8Array, void, undefined>;
  discard: () => Promise<void>;
};

/** What may go away by itself: a broken connection, or a server that is busy. */
export class TemporaryError extends Error {
  override readonly name = "TemporaryError";
  /** How long the server asks to wait, in milliseconds. */
  readonly waitMs: number | undefined;

  constructor(message: string, options: { waitMs?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.waitMs = options.waitMs;
  }
}

/**
 * One GET request, redirects included. The token goes along, and `fetch` drops it where a redirect leads to another origin
 * (Fetch standard, "HTTP-redirect fetch"). There is a limit on silence and none on the whole, as large files take their
 * time. Throws `TemporaryError` if no answer comes.
 */
export async function httpGet(
  url: string,
  options: RequestOptions & { token?: string | undefined; headers?: Readonly<Record<string, string>> },
): Promise<HttpResponse> {
  const { token } = options;
  const { origin } = new URL(url);
  const silence = silenceLimit(origin, options);
  let response: Response;
  try {
    response = await fetch(url, {
      headers: {
        "user-agent": "clip-gen",
        // A compressed answer would have another length, and ranges of other bytes.
        "accept-encoding": "identity",
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...options.headers,
      },
      signal: silence.signal,
    });
  } catch (error) {
    silence.stop();
    throw silence.explain(error, `cannot reach ${origin}`);
  }
  silence.restart();
  return {
    status: response.status,
    headers: response.headers,
    elsewhere: response.redirected && new URL(response.url).origin !== origin,
    chunks: () => readChunks(response, silence),
    discard: async () => {
      silence.stop();
      // A connection that breaks now is of no interest any more.
      await response.body?.cancel().catch(() => undefined);
    },
  };
}

async function* readChunks(response: Response, silence: SilenceLimit): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    const chunks: AsyncIterable<unknown> | Iterable<unknown> = response.body ?? [];
    for await (const chunk of chunks) {
      // Writing to a slow disk is no silence of the server.
      silence.stop();
      if (chunk instanceof Uint8Array) yield chunk;
      silence.restart();
    }
  } catch (error) {
    throw silence.explain(error, `the connection to ${new URL(response.url).host} broke`);
  } finally {
    silence.stop();
  }
}

type SilenceLimit = {
  signal: AbortSignal;
  restart: () => void;
  stop: () => void;
  /** Tells a stop by the user and silence from all that can happen on the network. */
  explain: (error: unknown, what: string) => unknown;
};

function silenceLimit(origin: string, { signal, stallMs = 30_000 }: RequestOptions): SilenceLimit {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => clearTimeout(timer);
  const restart = (): void => {
    stop();
    timer = setTimeout(() => controller.abort(), stallMs);
  };
  restart();
  return {
    signal: signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]),
    restart,
    stop,
    explain: (error, what) => {
      if (signal?.aborted === true) return signal.reason;
      if (controller.signal.aborted) {
        return new TemporaryError(`${origin} has sent nothing for ${stallMs / 1000} seconds`);
      }
      return new TemporaryError(`${what}: ${networkReason(error)}`, { cause: error });
    },
  };
}

/** `fetch` says "fetch failed" or "terminated", and the reason is in the error's cause. */
function networkReason(error: unknown): string {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
  if (!(cause instanceof Error)) return String(cause);
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
  const reasons: Record<string, string> = {
    ENOTFOUND: "there is no host of that name, or no network",
    EAI_AGAIN: "names cannot be looked up; is there a network?",
    ECONNREFUSED: "the connection was refused",
    ECONNRESET: "the connection was cut",
    UND_ERR_SOCKET: "the connection was cut",
    UND_ERR_CONNECT_TIMEOUT: "no connection within the time",
  };
  return reasons[code ?? ""] ?? (cause.message || code || "unknown reason");
}
