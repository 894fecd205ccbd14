import { execFileSync, spawnSync } from "node:child_process";
import { afterAll } from "vitest";

/** A machine of its own as far as the network goes: a namespace with an address on a common bridge. */
export type Host = {
  address: string;
  /** What goes before a command to run it there. */
  enter: string[];
  /** Pulls the cable out. Nobody is told: packets get lost. */
  cutOff(): void;
};

/** Whether this machine lets us make them: as root, with iproute2. */
export function canMakeHosts(): boolean {
  const made = spawnSync("ip", ["netns", "add", "clip-gen-try"]);
  if (made.status !== 0) return false;
  spawnSync("ip", ["netns", "del", "clip-gen-try"]);
  return true;
}

const ip = (...args: string[]): void => void execFileSync("ip", args);

/** Some hosts that reach one another; they go with the test file. */
export function makeHosts(count: number): Host[] {
  const id = `cg${process.pid % 10_000}`;
  ip("link", "add", id, "type", "bridge");
  afterAll(() => {
    for (let i = 0; i < count; i += 1) spawnSync("ip", ["netns", "del", `${id}-${i}`]);
    spawnSync("ip", ["link", "del", id]);
  });
  ip("link", "set", id, "up");
  return Array.from({ length: count }, (_, i) => {
    const [name, cable, address] = [`${id}-${i}`, `${id}v${i}`, `10.77.0.${i + 1}`];
    ip("netns", "add", name);
    ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name);
    ip("link", "set", cable, "master", id, "up");
    ip("-n", name, "addr", "add", `${address}/24`, "dev", "eth0");
    ip("-n", name, "link", "set", "eth0", "up");
    ip("-n", name, "link", "set", "lo", "up");
    return { address, enter: ["ip", "netns", "exec", name], cutOff: () => ip("link", "set", cable, "nomaster") };
  });
}
