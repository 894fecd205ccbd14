import { native, type Handle } from "../src/tensor/native.ts";
import { keep, tensorScope } from "../src/tensor/scope.ts";
import { Tensor } from "../src/tensor/tensor.ts";
import { type Context, plan } from "./context.ts";
import { alternate, compareTimes, own, type Measurement } from "./measure.ts";

/** Calls that are timed together, since a clock costs about as much as a call. */
const CALLS = 20;

/**
 * What one operator call costs beyond the arithmetic: the sum of two 2×2 matrices, and giving the result back.
 * Through the public method within a scope, through the add-on's own function, and as `a + b` in Python.
 */
export async function measureOverhead(context: Context): Promise<Measurement[]> {
  using a = matrix();
  using b = matrix();
  const throughMethod = (): void => {
    using _scope = tensorScope();
    for (let i = 0; i < CALLS; i++) a.add(b);
  };
  const add = native.findOperator("aten::add", "Tensor");
  const throughNative = (): void => {
    for (let i = 0; i < CALLS; i++) native.release(native.call<Handle>(add, a.handle, b.handle));
  };
  const peers = context.peers.map((peer) => peer.runner("add", { calls: CALLS }));
  const runners = [own("clip-gen", throughMethod), own("native", throughNative), ...peers];
  const [method, bare, ...others] = await alternate(runners, plan(context, { rounds: 15, count: 2000, seconds: 10 }));
  if (!method || !bare) throw new Error("nothing ran");
  const options = { unit: "ns (p99)", perMillisecond: 1e6 / CALLS };
  return [
    compareTimes([method, ...others], { ...options, name: "one operator, `a.add(b)` in a scope" }),
    compareTimes([bare, ...others], { ...options, name: "one operator, `native.call`" }),
  ];
}

function matrix(): Tensor {
  return keep(Tensor.from([1, 1, 1, 1], [2, 2]));
}
