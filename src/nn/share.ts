import { native } from "../tensor/native.ts";
import { keep } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Module } from "./module.ts";

/** A network's state on its way to another thread: numbers by name, each to be claimed once. */
export type SharedState = readonly (readonly [name: string, shared: number])[];

/** Hands the memory of a network to another thread of this process; nothing is copied. */
export function shareState(module: Module): SharedState {
  return [...module.stateDict()].map(([name, tensor]) => [name, native.share(tensor.handle)]);
}

/** Gives a network, built by `shapesOnly`, the state that another thread shares. It is to be used, not trained. */
export function claimState(module: Module, shared: SharedState): void {
  module.adopt(new Map(shared.map(([name, number]) => [name, keep(new Tensor(native.claim(number)))])));
}
