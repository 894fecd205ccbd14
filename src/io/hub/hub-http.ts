import { httpGet, type HttpResponse, type RequestOptions } from "../http.ts";
import type { HubSettings } from "./hub-settings.ts";

export type HubRequestOptions = RequestOptions & { settings: HubSettings };

/** One GET request to the endpoint; see `httpGet`. */
export async function hubGet(
  path: string,
  options: HubRequestOptions & { headers?: Readonly<Record<string, string>> },
): Promise<HttpResponse> {
  const { endpoint, token } = options.settings;
  return await httpGet(`${endpoint}/${path}`, { ...options, token });
}
