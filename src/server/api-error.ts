import type { ContentfulStatusCode } from "hono/utils/http-status";

/** An error's body, as OpenAI's clients read it. */
export type ErrorBody = {
  error: { message: string; type: string; param: string | null; code: string | null };
};

/** What went wrong with a request, for whoever sent it. */
export class ApiError extends Error {
  readonly status: ContentfulStatusCode;
  readonly param: string | null;
  readonly code: string | null;
  /** Seconds after which to try again. */
  readonly retryAfter: number | undefined;

  constructor(
    status: ContentfulStatusCode,
    message: string,
    about: { param?: string | null; code?: string; retryAfter?: number } = {},
  ) {
    super(message);
    this.status = status;
    this.param = about.param ?? null;
    this.code = about.code ?? null;
    this.retryAfter = about.retryAfter;
  }

  get body(): ErrorBody {
    return { error: { message: this.message, type: typeOf(this.status), param: this.param, code: this.code } };
  }
}

function typeOf(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 403) return "permission_error";
  if (status === 404) return "not_found_error";
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}
