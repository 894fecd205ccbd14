import { createSocket } from "node:dgram";
import { networkInterfaces } from "node:os";

/**
 * This machine's address as the others see it: that of the interface which `GLOO_SOCKET_IFNAME` names, or else the one
 * from which packets to process 0 go.
 */
export async function ownAddress(host: string, port: number): Promise<string> {
  const name = process.env["GLOO_SOCKET_IFNAME"];
  if (name === undefined) return await addressTowards(host, port);
  const known = networkInterfaces();
  const found = known[name]?.find(({ family }) => family === "IPv4") ?? known[name]?.[0];
  if (found) return found.address;
  throw new Error(`GLOO_SOCKET_IFNAME is ${name}; this machine has ${Object.keys(known).join(", ")}`);
}

/** Connecting a datagram socket sends nothing, but chooses the way. */
async function addressTowards(host: string, port: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    socket.once("error", (error) => {
      socket.close();
      reject(new Error(`there is no way to MASTER_ADDR ${host}: ${error.message}`, { cause: error }));
    });
    socket.connect(port, host, () => {
      const { address } = socket.address();
      socket.close();
      resolve(address);
    });
  });
}
