import { TemporaryError, type HttpResponse } from "../http.ts";
import type { HubRequestOptions } from "./hub-http.ts";
import { hubModelText, type HubModel } from "./hub-name.ts";
import { retryAfter } from "../http-retry.ts";

/**
 * What a status other than success means for a person, in one line. Nothing of the server's text is repeated; the Hub's
 * `X-Error-Code` tells more than its status, which is 401 for a repository that does not exist, too.
 */
export function statusError(
  response: HttpResponse,
  about: { model: HubModel; file?: string | undefined; settings: HubRequestOptions["settings"] },
): Error {
  const { status, headers, elsewhere } = response;
  const { endpoint, token } = about.settings;
  const { repository, revision } = about.model;
  const code = headers.get("x-error-code");
  const what = about.file === undefined ? hubModelText(about.model) : `${about.file} of ${hubModelText(about.model)}`;
  // The address of a large file on another host is valid for some minutes; asking again gives a new one.
  if (status >= 500 || status === 429 || status === 408 || (elsewhere && status === 403)) {
    return new TemporaryError(`the server answered ${status} for ${what}`, { waitMs: retryAfter(headers) });
  }
  if (code === "RevisionNotFound") return new Error(`${repository} has no branch, tag or commit ${revision}`);
  if (code === "EntryNotFound") return new Error(`there is no ${what} any more; run the command again`);
  if (code === "GatedRepo" || status === 403) {
    const advice = token === undefined ? "then set HF_TOKEN" : "with the account that HF_TOKEN belongs to";
    return new Error(`${repository} is gated or private: ask for access at ${endpoint}/${repository}, ${advice}`);
  }
  if (status === 401) {
    const advice = token === undefined ? "set HF_TOKEN if it is private or gated" : "check HF_TOKEN, too";
    return new Error(`${endpoint} has no ${repository} that everyone may read: check the name; ${advice}`);
  }
  if (status === 404) return new Error(`${endpoint} has no ${what}: check the name`);
  return new Error(`${endpoint} answered ${status} for ${what}, expected 200; is HF_ENDPOINT right?`);
}
