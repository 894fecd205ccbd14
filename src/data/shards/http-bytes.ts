import { httpGet, TemporaryError, type HttpResponse, type RequestOptions } from "../../io/http.ts";
import { retryAfter, withRetries } from "../../io/http-retry.ts";
import { hubSettings } from "../../io/hub/hub-settings.ts";
import { changed, checkRange, type ByteOptions, type ByteSource } from "./byte-source.ts";

/** A request costs more than what lies between two headers. */
const WINDOW = 2 ** 23;

type Address = { name: string; url: string; options: RequestOptions & { token: string | undefined } };

/**
 * A file on a web server, part by part (RFC 9110, section 14). Redirects are followed, and the token of the Hub goes to the
 * Hub alone. A file that becomes another one is noticed by its size, `ETag` and `Last-Modified`.
 */
export async function openAddress(location: string, options: ByteOptions): Promise<ByteSource> {
  const address = addressOf(location, options);
  const { name } = address;
  // The first byte tells the size and whether parts are to be had, which HEAD does not on every server.
  const first = await getRange(address, 0, 1);
  const { size, mark } = first;
  const read = async (offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
    checkRange({ name, size }, offset, length);
    if (length === 0) return new Uint8Array();
    const part = await getRange(address, offset, length);
    if (part.size !== size || part.mark !== mark) throw changed(name);
    return part.bytes;
  };
  return { name, location, size, version: `${size} ${mark}`, window: WINDOW, read };
}

function addressOf(location: string, options: ByteOptions): Address {
  if (!URL.canParse(location)) throw new Error(`${location} is no address, expected one such as https://host/a.tar`);
  const url = new URL(location);
  const name = `${url.origin}${url.pathname}`;
  if (url.username + url.password !== "") {
    throw new Error(`the address of ${name} holds a user name or password, which are not sent; use a signed address`);
  }
  const hub = hubSettings();
  const isHub = new URL(hub.endpoint).origin === url.origin;
  if (isHub && hub.offline) throw new Error(`cannot read ${name}: HF_HUB_OFFLINE forbids to ask the Hub`);
  const token = isHub ? hub.token : undefined;
  return { name, url: `${name}${url.search}`, options: { ...options, token } };
}

type Part = {
  bytes: Uint8Array<ArrayBuffer>;
  /** Of the whole file. */
  size: number;
  /** What the server tells files of one size apart by; empty where it does not. */
  mark: string;
};

function getRange(address: Address, offset: number, length: number): Promise<Part> {
  return withRetries(() => tryRange(address, offset, length), address.options);
}

async function tryRange({ name, url, options }: Address, offset: number, length: number): Promise<Part> {
  const range = `bytes=${offset}-${offset + length - 1}`;
  const response = await httpGet(url, { ...options, headers: { range } });
  try {
    if (response.status !== 206) throw statusError(response, name);
    const { headers } = response;
    const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
    if (total === undefined || from !== String(offset)) {
      throw new Error(`the server sent another part of ${name} than was asked for; copy the file to this machine`);
    }
    const bytes = new Uint8Array(length);
    let done = 0;
    for await (const chunk of response.chunks()) {
      if (done + chunk.length > length) {
        throw new Error(`the server sent more of ${name} than the ${length} bytes that were asked for`);
      }
      bytes.set(chunk, done);
      done += chunk.length;
    }
    // A file that has become shorter ends here, too, and is found out by the size.
    if (done < length && Number(total) >= offset + length) {
      throw new TemporaryError(`the connection ended after ${done} of ${length} bytes of ${name}`);
    }
    return { bytes, size: Number(total), mark: headers.get("etag") ?? headers.get("last-modified") ?? "" };
  } finally {
    await response.discard();
  }
}

function statusError({ status, headers, elsewhere }: HttpResponse, name: string): Error {
  if (status === 200) {
    return new Error(
      `the server of ${name} does not send parts of files (it ignores Range); copy the file to this machine`,
    );
  }
  if (status === 416) return new Error(`${name} is empty or was changed; run the same command again`);
  // The address that a redirect leads to is valid for some minutes; asking again gives a new one.
  if (status >= 500 || status === 429 || status === 408 || (elsewhere && status === 403)) {
    return new TemporaryError(`the server answered ${status} for ${name}`, { waitMs: retryAfter(headers) });
  }
  if (status === 404) return new Error(`there is no ${name} (404): check the address`);
  return new Error(`the server answered ${status} for ${name}, expected 206: may everyone read it?`);
}
