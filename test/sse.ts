/** A server-sent event, its data as JSON. */
export type ServerEvent = { event: string; data: unknown };

/** All events of an answer, once it has ended. */
export async function readEvents(response: Response): Promise<ServerEvent[]> {
  const blocks = (await response.text()).split("\n\n").filter(Boolean);
  return blocks.map((block) => {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1] ?? "";
    const data: unknown = JSON.parse(field("data"));
    return { event: field("event"), data };
  });
}
