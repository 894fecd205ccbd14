// How much memory and time a large set in tar shards takes: makes shards of tiny pictures, opens them with an empty and with a
// full cache, and goes through an epoch of random batches.
//
//   node experiments/shards.js FOLDER --pictures 100000 --shard 5000 --batch 256
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { openPictures } from "../dist/data/shards/open-pictures.js";
import { pictureSource } from "../dist/data/shards/picture-source.js";
import { ShardOrder } from "../dist/data/shards/shard-order.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pictures: { type: "string", default: "100000" },
    shard: { type: "string", default: "5000" },
    batch: { type: "string", default: "256" },
  },
});
const [folder] = positionals;
const [pictures, perShard, batchSize] = [values.pictures, values.shard, values.batch].map(Number);
const size = 8;

/** A tar member: its header, its bytes, and zeros up to a multiple of 512. */
function member(name, data) {
  const bytes = Buffer.alloc(512 + Math.ceil(data.length / 512) * 512);
  bytes.write(name, 0);
  bytes.write(`${data.length.toString(8).padStart(11, "0")}\0`, 124);
  bytes.write("        0", 148);
  bytes.write("ustar\u000000", 257);
  bytes.write(
    bytes
      .subarray(0, 512)
      .reduce((sum, byte) => sum + byte)
      .toString(8)
      .padStart(6, "0") + "\0",
    148,
  );
  data.copy(bytes, 512);
  return bytes;
}

async function makeShards(path) {
  mkdirSync(path, { recursive: true });
  // A thousand different ones, as making pictures is not what is measured.
  const kinds = await Promise.all(
    Array.from({ length: 1000 }, (_, i) =>
      sharp({ create: { width: size, height: size, channels: 3, background: { r: i % 256, g: i >> 8, b: 7 } } })
        .png()
        .toBuffer(),
    ),
  );
  for (let start = 0, number = 0; start < pictures; start += perShard, number += 1) {
    const members = [];
    for (let i = start; i < Math.min(pictures, start + perShard); i += 1) {
      members.push(member(`${String(i).padStart(9, "0")}.png`, kinds[i % 1000]));
      members.push(member(`${String(i).padStart(9, "0")}.txt`, Buffer.from(`picture ${i}`)));
    }
    writeFileSync(
      join(path, `${String(number).padStart(6, "0")}.tar`),
      Buffer.concat([...members, Buffer.alloc(1024)]),
    );
  }
}

const mb = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
let clock = performance.now();
function tell(what) {
  const seconds = (performance.now() - clock) / 1000;
  const { rss, arrayBuffers } = process.memoryUsage();
  console.log(`${what.padEnd(34)} ${seconds.toFixed(2)} s, ${mb(rss)} resident, ${mb(arrayBuffers)} in arrays`);
  clock = performance.now();
}

const [shards, cache] = [join(folder, "shards"), join(folder, "cache")];
rmSync(cache, { recursive: true, force: true });
await makeShards(shards);
tell(`made ${pictures} pictures`);
await openPictures([shards], { captions: true, cache });
tell("opened, indexes made");
const store = await openPictures([shards], { captions: true, cache });
tell("opened, indexes in the cache");

const source = pictureSource(store, { size });
const order = new ShardOrder({ ...source, batchSize, seed: 1 });
const seen = new Uint8Array(source.count);
const steps = Math.ceil(source.count / batchSize);
const rss = [];
for (let step = 0; step < steps; step += 1) {
  const indices = order.indicesAt(step);
  const { captions } = await source.read(indices);
  for (const [row, index] of indices.entries()) {
    if (captions[row][0] !== `picture ${index}`) throw new Error(`picture ${index} came with ${captions[row][0]}`);
    if (step * batchSize + row < source.count) seen[index] += 1;
  }
  rss.push(process.memoryUsage().rss);
  if (step % Math.ceil(steps / 5) === 0) tell(`read ${step * batchSize} pictures`);
}
tell(`read an epoch`);
const once = seen.reduce((sum, times) => sum + (times === 1 ? 1 : 0), 0);
console.log(`${once} of ${source.count} pictures came exactly once; at most ${mb(Math.max(...rss))}`);
