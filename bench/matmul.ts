import { cpuFlags } from "../src/tensor/cpu.ts";
import { ones, randn } from "../src/tensor/functions.generated.ts";
import { keep, tidy } from "../src/tensor/scope.ts";
import { type Context, type Precision, plan } from "./context.ts";
import { alternate, compareRates, own, type Measurement } from "./measure.ts";

/** The size at which a product is taken for the machine's peak. */
const PEAK_SIZE = 2048;

/** 2048 without the instructions takes many seconds, and nobody would train so. */
const cases: readonly { size: number; dtype: Precision; needs?: string }[] = [
  { size: 512, dtype: "float32" },
  { size: 1024, dtype: "float32" },
  { size: PEAK_SIZE, dtype: "float32" },
  { size: 512, dtype: "bfloat16" },
  { size: 1024, dtype: "bfloat16", needs: "avx512_bf16" },
  { size: PEAK_SIZE, dtype: "bfloat16", needs: "avx512_bf16" },
];

/** Matrix products and reading from memory: what the machine can do at most. Best of all repeats, since noise only slows. */
export async function measureLimits(context: Context): Promise<Measurement[]> {
  const flags = cpuFlags();
  const results: Measurement[] = [];
  for (const { size, dtype, needs } of cases) {
    if (needs !== undefined && !flags.has(needs)) continue;
    using product = squareProduct(size, dtype);
    const peers = context.peers.map((peer) => peer.runner("matmul", { size, dtype }));
    const samples = await alternate([own("clip-gen", product.step), ...peers], plan(context, FULL));
    const name = `matrix product ${size}³, ${dtype}`;
    results.push(compareRates(samples, { name, unit: "GFLOP/s", amount: product.flops / 1e9 }));
  }
  return [...results, await measureRead(context)];
}

const FULL = { rounds: 8, count: 3, seconds: 5 };

/** The sum of 256 MiB. */
async function measureRead(context: Context): Promise<Measurement> {
  const elements = 2 ** 26;
  using x = keep(ones([elements]));
  const peers = context.peers.map((peer) => peer.runner("read", { elements }));
  const step = (): void => tidy(() => void x.sum().item());
  const samples = await alternate([own("clip-gen", step), ...peers], plan(context, FULL));
  return compareRates(samples, { name: "reading memory, float32", unit: "GB/s", amount: (elements * 4) / 1e9 });
}

type Product = Disposable & { step: () => void; flops: number };

/** The product of two random matrices; `flops` for one `step`. */
function squareProduct(size: number, dtype: Precision): Product {
  const matrix = () => keep(tidy(() => randn([size, size]).to(dtype)));
  const [a, b] = [matrix(), matrix()];
  return {
    flops: 2 * size ** 3,
    step: () => tidy(() => void a.matmul(b)),
    [Symbol.dispose]: () => {
      a.dispose();
      b.dispose();
    },
  };
}

export function peakProduct(dtype: Precision): Product {
  return squareProduct(PEAK_SIZE, dtype);
}
